/** Where an S3 blob store keeps its objects, and how it talks to the server: what all of its operations share. */
import type { S3Client } from '@aws-sdk/client-s3';
import { InvalidInputError } from '../errors.ts';
import { isBlobName } from './blob-name.ts';
import type { S3Call } from './s3-call.ts';

export interface S3Bucket {
  readonly client: S3Client;
  readonly name: string;
  /** Of every key: empty, or ends in a slash. */
  readonly prefix: string;
  readonly call: S3Call;
}

/** S3 counts bytes of UTF-8. */
const MAX_KEY_BYTES = 1_024;

/** The key of a blob. Names go in as they are: no blob name holds a slash, and the SDK encodes the rest on its way. */
export function keyOf({ prefix }: S3Bucket, path: readonly string[]): string {
  return requireFit(`${prefix}${path.join('/')}`);
}

/** What the keys below a directory begin with. */
export function keysBelow({ prefix }: S3Bucket, path: readonly string[]): string {
  return path.length === 0 ? prefix : requireFit(`${prefix}${path.join('/')}/`);
}

/** `a/b` and `a/b/` are the same; empty is none. */
export function isPrefix(prefix: string): boolean {
  return prefix === '' || prefix.replace(/\/$/, '').split('/').every(isBlobName);
}

/** @returns with a slash at its end, unless it is empty. @throws InvalidInputError where a part is no blob name */
export function checkPrefix(prefix: string): string {
  if (!isPrefix(prefix)) {
    const shown = prefix.slice(0, 200);
    throw new InvalidInputError(`Prefix '${shown}' cannot be used: give names with one slash between them, such as 'app/blobs'.`);
  }
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

function requireFit(key: string): string {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new InvalidInputError(
      `'${key.slice(0, 60)}…' is too long for S3, which takes keys of ${MAX_KEY_BYTES} bytes: use shorter names.`,
    );
  }
  return key;
}
