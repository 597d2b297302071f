/**
 * Where blobs are, as one line: what TIDEMARK_BLOBS says, and what `tidemark dev` tells the other commands. A folder, or an address:
 * `postgres:` for the database of the logs, `s3://BUCKET/PREFIX`. Pure: nothing is loaded or opened here.
 */
import { isAbsolute, resolve } from 'node:path';
import { isPrefix } from './s3-bucket.ts';

export type S3Location = { kind: 's3'; bucket: string; prefix: string; endpoint?: string };

export type BlobLocation = { kind: 'directory'; path: string } | { kind: 'postgres' } | S3Location;

const IN_POSTGRES = 'postgres:';
const ADDRESS = /^([a-z][a-z0-9+.-]*):/i;
const S3_ADDRESS = /^s3:\/\/([a-zA-Z0-9][a-zA-Z0-9._-]{2,254})(?:\/([^?#]*))?$/;

/** What is wrong with a value of TIDEMARK_BLOBS, as `use …`; undefined where it can be used. */
export function blobLocationProblem(value: string): string | undefined {
  const [, , prefix = ''] = S3_ADDRESS.exec(value) ?? [];
  if (!isAddress(value) || value === IN_POSTGRES || (S3_ADDRESS.test(value) && isPrefix(prefix))) {
    return undefined;
  }
  return 'use a folder, postgres: for the database of DATABASE_URL, or s3://BUCKET/PREFIX (keys and an endpoint are variables of their own)';
}

/** A value of TIDEMARK_BLOBS made complete: a folder absolute, an address with the endpoint that goes with it. */
export function blobLocation(value: string, { directory, s3Endpoint }: { directory: string; s3Endpoint?: string | undefined }): string {
  if (!isAddress(value)) {
    return resolve(directory, value);
  }
  return s3Endpoint === undefined || value === IN_POSTGRES ? value : `${value}?${new URLSearchParams({ endpoint: s3Endpoint })}`;
}

/** @param location what blobLocation gives */
export function parseBlobLocation(location: string): BlobLocation {
  if (!isAddress(location)) {
    return { kind: 'directory', path: location };
  }
  if (location === IN_POSTGRES) {
    return { kind: 'postgres' };
  }
  const [address = '', query] = location.split('?', 2);
  const [, bucket = '', prefix = ''] = S3_ADDRESS.exec(address) ?? [];
  const endpoint = new URLSearchParams(query).get('endpoint');
  return { kind: 's3', bucket, prefix, ...(endpoint === null ? {} : { endpoint }) };
}

/** A letter and a colon begin a path on Windows. */
function isAddress(value: string): boolean {
  const scheme = ADDRESS.exec(value)?.[1] ?? '';
  return scheme.length > 1 && !isAbsolute(value);
}
