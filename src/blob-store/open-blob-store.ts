/** The blob store that a location means, for the command: an application gives its own to createTidemark({ blobs }). */
import { SetupError } from '../errors.ts';
import { parseBlobLocation, type S3Location } from './blob-location.ts';
import type { BlobStore } from './blob-store.ts';
import { createDirectoryBlobStore } from './directory-blob-store.ts';
import { createPostgresBlobStore, type PostgresBlobStoreOptions } from './postgres-blob-store.ts';

/**
 * @param location see blob-location.ts
 * @param database where the logs are, and the blobs if they are in Postgres
 * @throws SetupError where a package that it needs is not installed
 */
export async function openBlobStore(location: string, database: PostgresBlobStoreOptions): Promise<BlobStore> {
  const parsed = parseBlobLocation(location);
  if (parsed.kind === 'directory') {
    return createDirectoryBlobStore({ path: parsed.path });
  }
  if (parsed.kind === 'postgres') {
    return createPostgresBlobStore(database);
  }
  return openS3BlobStore(parsed);
}

/** @throws SetupError where the AWS SDK is not installed */
export async function openS3BlobStore({ kind: _, ...options }: S3Location): Promise<BlobStore> {
  const { createS3BlobStore } = await loadS3();
  return createS3BlobStore(options);
}

/** Loaded only where it is used: it brings the AWS SDK, which is not installed with Tidemark. */
async function loadS3() {
  try {
    return await import('./s3-blob-store.ts');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
      throw new SetupError("Blobs in S3 need the package '@aws-sdk/client-s3', which is not installed: npm install @aws-sdk/client-s3", {
        cause: error,
      });
    }
    throw error;
  }
}
