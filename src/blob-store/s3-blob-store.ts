/**
 * A blob store in an S3 bucket, of Amazon or of any server that speaks its protocol: a blob is the object `<prefix>/<directory>/…/<name>`.
 *
 * A write is one object, whole or absent, and is seen by every reader once it resolves. Every call has a deadline and is tried again
 * where that can help; then it fails with UnavailableError, which is worth another try later, or with SetupError, which says what to
 * change. S3 has no directories: s3-kinds.ts says how they are told from blobs. Bucket or prefix are for this store alone.
 */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { BlobNotFoundError } from '../errors.ts';
import { checkPageSize } from '../page-size.ts';
import { checkBlobName } from './blob-name.ts';
import type { BlobDir, BlobStore } from './blob-store.ts';
import { hashInName } from './content-name.ts';
import { keyOf, type S3Bucket } from './s3-bucket.ts';
import { openS3Bucket, type S3BucketOptions } from './s3-client.ts';
import { isMissing } from './s3-error.ts';
import { createS3Kinds, type S3Kinds } from './s3-kinds.ts';
import { allKeysBelow, listPage } from './s3-list.ts';
import { removeObject, removeObjects } from './s3-remove.ts';
import { writeObject } from './s3-write.ts';

export interface S3BlobStoreOptions extends S3BucketOptions {
  /** Most names in one page of `query`; S3 gives at most 1,000. */
  pageSize?: number;
}

interface Store {
  bucket: S3Bucket;
  kinds: S3Kinds;
  pageSize: number;
}

/**
 * `createS3BlobStore({ bucket: 'acme-blobs', prefix: 'tidemark' })`. Nothing is asked of the server before the first use.
 * @throws InvalidInputError
 */
export function createS3BlobStore({ pageSize = 1_000, ...options }: S3BlobStoreOptions): BlobStore {
  checkPageSize(pageSize);
  const bucket = openS3Bucket(options);
  const store: Store = { bucket, kinds: createS3Kinds(bucket), pageSize };
  return {
    async getRootDir() {
      return s3Dir(store, []);
    },
  };
}

function s3Dir(store: Store, path: readonly string[]): BlobDir {
  const { bucket, kinds, pageSize } = store;
  const pathOf = (name: string) => {
    checkBlobName(name);
    return [...path, name];
  };
  return {
    async readBlob(name) {
      const blob = pathOf(name);
      const content = await readObject(bucket, keyOf(bucket, blob));
      if (content === undefined) {
        await kinds.requireNoDirectory(blob);
        throw new BlobNotFoundError(blob.join('/'));
      }
      return content;
    },
    async writeBlob(name, content) {
      const blob = pathOf(name);
      const key = keyOf(bucket, blob);
      await kinds.requireNoDirectory(blob);
      try {
        await writeObject(bucket, key, content, hashInName(name) !== undefined);
      } finally {
        // Also after a failure: the server may have carried it out all the same.
        kinds.noteBlob(blob);
      }
    },
    async removeBlob(name) {
      const blob = pathOf(name);
      // At once, not after: S3 says nothing of what was there, and a blob that stands where a directory is has to go.
      const [removed, checked] = await Promise.allSettled([removeObject(bucket, keyOf(bucket, blob)), kinds.requireNoDirectory(blob)]);
      for (const result of [checked, removed]) {
        if (result.status === 'rejected') {
          throw result.reason;
        }
      }
    },
    async getDir(name) {
      const directory = pathOf(name);
      await kinds.requireDirectory(directory);
      return s3Dir(store, directory);
    },
    async query(continuation) {
      const page = await listPage(bucket, path, pageSize, continuation);
      if (page.blobs.length + page.dirs.length === 0) {
        await kinds.requireDirectory(path);
      }
      return page;
    },
    async removeAll() {
      let isEmpty = true;
      for await (const keys of allKeysBelow(bucket, path)) {
        isEmpty = false;
        await removeObjects(bucket, keys);
      }
      if (isEmpty) {
        await kinds.requireDirectory(path);
      }
    },
  };
}

/** Undefined where there is none. The bytes belong to the tries too: an answer that breaks off is asked for again. */
async function readObject({ client, name: Bucket, call }: S3Bucket, Key: string): Promise<Uint8Array | undefined> {
  return call('GetObject', async (abortSignal) => {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
      return ownBytes((await Body?.transformToByteArray()) ?? new Uint8Array());
    } catch (error) {
      if (isMissing(error)) {
        return undefined;
      }
      throw error;
    }
  });
}

/** A plain array, of the caller's own: the SDK may give a Buffer, or a part of a larger array. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}
