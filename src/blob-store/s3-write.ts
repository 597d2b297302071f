/**
 * Writes an object whole or not at all: in one request up to 16 MiB, above that in parts of 8 MiB, which become the object in one
 * last request. An upload that fails is aborted once no part is on its way any more; one whose process dies is left to the bucket's
 * lifecycle rule (see operations.md). Readers never see a part of either.
 *
 * What is named by its content is written only where it is missing (`If-None-Match`), so that attempts that overlap, and retries
 * whose first answer was lost, leave one version of an object and not one each.
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Bucket } from './s3-bucket.ts';
import { isNotImplemented, isPresent } from './s3-error.ts';

const MAX_BYTES_AT_ONCE = 16 * 1024 * 1024;
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_SIDE_BY_SIDE = 4;

interface Condition {
  IfNoneMatch?: '*';
}

/** @param neverChanges the key says what is in it: one that is there is what would be written */
export async function writeObject(bucket: S3Bucket, key: string, content: Uint8Array, neverChanges: boolean): Promise<void> {
  const write = content.byteLength > MAX_BYTES_AT_ONCE ? putParts : putAtOnce;
  await write(bucket, key, content, neverChanges ? { IfNoneMatch: '*' } : {});
}

async function putAtOnce({ client, name: Bucket, call }: S3Bucket, Key: string, content: Uint8Array, condition: Condition): Promise<void> {
  const put = (more: Condition) => new PutObjectCommand({ Bucket, Key, Body: content, ContentLength: content.byteLength, ...more });
  await call('PutObject', (abortSignal) => conditionally(condition, (more) => client.send(put(more), { abortSignal })));
}

async function putParts(bucket: S3Bucket, Key: string, content: Uint8Array, condition: Condition): Promise<void> {
  const { client, name: Bucket, call } = bucket;
  const { UploadId } = await call('CreateMultipartUpload', (abortSignal) =>
    client.send(new CreateMultipartUploadCommand({ Bucket, Key }), { abortSignal }),
  );
  let isComplete = false;
  try {
    const Parts = await uploadParts(bucket, { Key, UploadId }, content);
    const complete = (more: Condition) =>
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more });
    const written = await call('CompleteMultipartUpload', (abortSignal) =>
      conditionally(condition, (more) => client.send(complete(more), { abortSignal })),
    );
    isComplete = written !== 'present';
  } finally {
    if (!isComplete) {
      // How the write ended is what the caller has to know; parts that stay are for the lifecycle rule.
      await abort().catch(() => {});
    }
  }

  async function abort(): Promise<void> {
    await call('AbortMultipartUpload', (abortSignal) =>
      client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal }),
    );
  }
}

async function uploadParts(
  { client, name: Bucket, call }: S3Bucket,
  upload: { Key: string; UploadId: string | undefined },
  content: Uint8Array,
): Promise<CompletedPart[]> {
  const count = Math.ceil(content.byteLength / PART_BYTES);
  const uploadPart = async (index: number): Promise<CompletedPart> => {
    const Body = content.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
    const PartNumber = index + 1;
    const { ETag } = await call('UploadPart', (abortSignal) =>
      client.send(new UploadPartCommand({ Bucket, ...upload, PartNumber, Body, ContentLength: Body.byteLength }), { abortSignal }),
    );
    return { PartNumber, ETag };
  };
  const parts: CompletedPart[] = [];
  for (let start = 0; start < count; start += PARTS_SIDE_BY_SIDE) {
    const indexes = Array.from({ length: Math.min(PARTS_SIDE_BY_SIDE, count - start) }, (_, offset) => start + offset);
    // All of them, also after a failure: a part that arrives after the abort would stay and be paid for.
    for (const result of await Promise.allSettled(indexes.map(uploadPart))) {
      if (result.status === 'rejected') {
        throw result.reason;
      }
      parts.push(result.value);
    }
  }
  return parts;
}

/** Without the condition where the server knows none: then the object is replaced by the same content. */
async function conditionally<T>(condition: Condition, send: (condition: Condition) => Promise<T>): Promise<T | 'present'> {
  try {
    return await send(condition);
  } catch (error) {
    if (condition.IfNoneMatch === undefined) {
      throw error;
    }
    if (isPresent(error)) {
      return 'present';
    }
    if (isNotImplemented(error)) {
      return send({});
    }
    throw error;
  }
}
