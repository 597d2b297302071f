/**
 * S3 knows keys, and no directories: a name is a blob where its key holds an object, and a directory where keys begin with it and a
 * slash. That a name is not both is looked up before a write, and cannot be held by S3 itself: of two writers that begin at the same
 * moment, one of `a` and one of `a/b`, both succeed. Then `a` is read as a blob and listed as both; `removeBlob('a')` mends it.
 *
 * What was seen to be no blob is taken for none for a minute, so that writes into one directory do not ask each time. A blob that
 * this store writes is known at once, one of another process after that minute.
 */
import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { BlobWrongKindError } from '../errors.ts';
import { hashInName } from './content-name.ts';
import { keyOf, keysBelow, type S3Bucket } from './s3-bucket.ts';
import { isMissing } from './s3-error.ts';

const REMEMBER_MS = 60_000;
const MAX_REMEMBERED = 10_000;

export interface S3Kinds {
  /** @throws BlobWrongKindError where a part of the way is a blob */
  requireDirectory(path: readonly string[]): Promise<void>;
  /** @throws BlobWrongKindError where there are blobs below, or a part of the way to it is a blob */
  requireNoDirectory(path: readonly string[]): Promise<void>;
  /** There may be a blob now. */
  noteBlob(path: readonly string[]): void;
}

export function createS3Kinds(bucket: S3Bucket): S3Kinds {
  const { client, name: Bucket, call } = bucket;
  const noBlobUntil = new Map<string, number>();

  async function isBlob(path: readonly string[]): Promise<boolean> {
    const Key = keyOf(bucket, path);
    if ((noBlobUntil.get(Key) ?? 0) > performance.now()) {
      return false;
    }
    const found = await call('HeadObject', (abortSignal) =>
      client
        .send(new HeadObjectCommand({ Bucket, Key }), { abortSignal })
        .catch((error) => (isMissing(error) ? undefined : Promise.reject(error))),
    );
    if (found === undefined) {
      if (noBlobUntil.size >= MAX_REMEMBERED) {
        noBlobUntil.clear();
      }
      noBlobUntil.set(Key, performance.now() + REMEMBER_MS);
    }
    return found !== undefined;
  }

  async function hasBelow(path: readonly string[]): Promise<boolean> {
    // What is named by its content is never a directory: a request saved for each blob of a snapshot.
    if (hashInName(path.at(-1) ?? '') !== undefined) {
      return false;
    }
    const Prefix = keysBelow(bucket, path);
    const { KeyCount, Contents = [] } = await call('ListObjectsV2', (abortSignal) =>
      client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1, EncodingType: 'url' }), { abortSignal }),
    );
    return (KeyCount ?? Contents.length) > 0;
  }

  async function requireDirectory(path: readonly string[]): Promise<void> {
    const parts = path.map((_, index) => path.slice(0, index + 1));
    const areBlobs = await Promise.all(parts.map(isBlob));
    const blob = parts[areBlobs.indexOf(true)];
    if (blob !== undefined) {
      throw new BlobWrongKindError(blob.join('/'), 'blob');
    }
  }

  return {
    requireDirectory,
    async requireNoDirectory(path) {
      const [below] = await Promise.all([hasBelow(path), requireDirectory(path.slice(0, -1))]);
      if (below) {
        throw new BlobWrongKindError(path.join('/'), 'directory');
      }
    },
    noteBlob(path) {
      noBlobUntil.delete(keyOf(bucket, path));
    },
  };
}
