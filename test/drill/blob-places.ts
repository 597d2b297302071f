/** Where the blobs of a drill are: a folder, or a bucket of a server of its own, which stays up. The checker reads a folder in either case. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createS3BlobStore } from '../../src/blob-store/s3-blob-store.ts';
import { BUCKET, CREDENTIALS, REGION, startS3Server } from '../support/s3-server.ts';

/** What a process is told. */
export type BlobPlace = { folder: string } | { endpoint: string };

export interface BlobPlaces {
  place: BlobPlace;
  /** For the checker: holds what the place holds. */
  readonly folder: string;
  /** Brings `folder` up to date. */
  copy(): Promise<void>;
}

export function openBlobPlace(place: BlobPlace): BlobStore {
  return 'folder' in place
    ? createDirectoryBlobStore({ path: place.folder })
    : createS3BlobStore({ endpoint: place.endpoint, bucket: BUCKET, region: REGION, credentials: CREDENTIALS });
}

export async function createBlobPlaces(kind: 'folder' | 's3', folder: string, closing: (() => Promise<unknown>)[]): Promise<BlobPlaces> {
  if (kind === 'folder') {
    return { place: { folder }, folder, copy: async () => {} };
  }
  const server = await startS3Server();
  closing.push(() => server.stop());
  return { place: { endpoint: server.endpoint }, folder, copy: () => copyBucket(server.client, folder) };
}

/** By the SDK alone: nothing of the product's between the bucket and the checker. */
async function copyBucket(client: S3Client, folder: string): Promise<void> {
  for (let token: string | undefined; ; ) {
    const listing: ListObjectsV2CommandOutput = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, ContinuationToken: token }));
    for (const { Key = '' } of listing.Contents ?? []) {
      const path = join(folder, Key);
      await mkdir(dirname(path), { recursive: true });
      const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
      await writeFile(path, (await Body?.transformToByteArray()) ?? '');
    }
    token = listing.NextContinuationToken;
    if (token === undefined) return;
  }
}
