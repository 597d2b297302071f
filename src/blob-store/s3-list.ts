/**
 * What is in a directory: the keys that begin with its own, asked for in pages.
 *
 * A continuation is S3's own, with the directory it belongs to, so it can be used again and after a restart. Keys come encoded,
 * because XML cannot hold every character of a name.
 */
import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { NoContinuationError } from '../errors.ts';
import { isBlobName } from './blob-name.ts';
import type { BlobQueryValue } from './blob-store.ts';
import { keysBelow, type S3Bucket } from './s3-bucket.ts';
import { isRefusedContinuation } from './s3-error.ts';

/** S3 gives no more at once, whatever is asked for. */
const MAX_PAGE = 1_000;
/** Not the shape of another store's. */
const MARK = 's3';

/** Keys that are no name of ours, such as the objects that consoles make for folders, are left out. */
export async function listPage(
  bucket: S3Bucket,
  path: readonly string[],
  pageSize: number,
  continuation?: string,
): Promise<BlobQueryValue> {
  const directory = path.join('/');
  const token = continuation === undefined ? undefined : decodeContinuation(continuation, directory);
  const below = keysBelow(bucket, path);
  const page = await list(bucket, { below, pageSize, token, delimiter: '/' });
  const names = (keys: (string | undefined)[]) => keys.map((key) => decodeKey(key, page).slice(below.length)).filter(isBlobName);
  return {
    blobs: names((page.Contents ?? []).map(({ Key }) => Key)),
    dirs: names((page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix?.replace(/(\/|%2F)$/i, ''))),
    ...(page.NextContinuationToken ? { continuation: encodeContinuation(directory, page.NextContinuationToken) } : {}),
  };
}

/** Every key below a directory, however deep, a page at a time. */
export async function* allKeysBelow(bucket: S3Bucket, path: readonly string[]): AsyncGenerator<string[]> {
  const below = keysBelow(bucket, path);
  let token: string | undefined;
  do {
    const page = await list(bucket, { below, pageSize: MAX_PAGE, token });
    const keys = (page.Contents ?? []).map(({ Key }) => decodeKey(Key, page));
    if (keys.length > 0) {
      yield keys;
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

interface ListOptions {
  below: string;
  pageSize: number;
  token: string | undefined;
  delimiter?: string;
}

function list({ client, name, call }: S3Bucket, { below, pageSize, token, delimiter }: ListOptions): Promise<ListObjectsV2CommandOutput> {
  const command = new ListObjectsV2Command({
    Bucket: name,
    Prefix: below,
    MaxKeys: Math.min(pageSize, MAX_PAGE),
    EncodingType: 'url',
    ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
    ...(token === undefined ? {} : { ContinuationToken: token }),
  });
  return call('ListObjectsV2', async (abortSignal) => {
    try {
      return await client.send(command, { abortSignal });
    } catch (error) {
      throw token !== undefined && isRefusedContinuation(error) ? new NoContinuationError() : error;
    }
  });
}

/** S3 writes a space as `+` and a plus as `%2B`. */
function decodeKey(key = '', { EncodingType }: ListObjectsV2CommandOutput): string {
  return EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
}

function encodeContinuation(directory: string, token: string): string {
  return Buffer.from(JSON.stringify([MARK, directory, token])).toString('base64url');
}

function decodeContinuation(continuation: string, directory: string): string {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(continuation, 'base64url').toString());
  } catch {
    throw new NoContinuationError();
  }
  if (
    !Array.isArray(decoded) ||
    decoded.length !== 3 ||
    decoded[0] !== MARK ||
    decoded[1] !== directory ||
    typeof decoded[2] !== 'string'
  ) {
    throw new NoContinuationError();
  }
  return decoded[2];
}
