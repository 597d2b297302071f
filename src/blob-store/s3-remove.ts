/** Removing objects: many in one request, each of which says what it could not remove. */
import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import type { S3Bucket } from './s3-bucket.ts';

/** XML, in which a request for several names them, holds no such character. */
const NOT_IN_XML = /[\uFFFE\uFFFF]/;

/** One that is not there counts as removed. */
export async function removeObject({ client, name: Bucket, call }: S3Bucket, Key: string): Promise<void> {
  await call('DeleteObject', (abortSignal) => client.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal }));
}

/** @param keys at most 1,000 */
export async function removeObjects(bucket: S3Bucket, keys: readonly string[]): Promise<void> {
  const { client, name: Bucket, call } = bucket;
  const together = keys.filter((key) => !NOT_IN_XML.test(key));
  if (together.length > 0) {
    const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects: together.map((Key) => ({ Key })), Quiet: true } });
    await call('DeleteObjects', async (abortSignal) => {
      const { Errors: [failure] = [] } = await client.send(command, { abortSignal });
      if (failure !== undefined) {
        // As if it were the answer to a request for this one; those that are gone by then are removed again, which is nothing.
        throw Object.assign(new Error(), {
          name: failure.Code,
          $metadata: { httpStatusCode: failure.Code === 'AccessDenied' ? 403 : undefined },
        });
      }
    });
  }
  for (const key of keys.filter((one) => NOT_IN_XML.test(one))) {
    await removeObject(bucket, key);
  }
}
