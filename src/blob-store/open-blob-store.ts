/** The blob store that a location means, for the command: an application gives its own to createTidemark({ blobs }). */
import { SetupError } from '../errors.ts';
import { parseBlobLocation } from './blob-location.ts';
import type { BlobStore } from './blob-store.ts';
import { createDirectoryBlobStore } from './directory-blob-store.ts';

/** @param location see blob-location.ts @throws SetupError where a package that it needs is not installed */
export async function openBlobStore(location: string): Promise<BlobStore> {
  const parsed = parseBlobLocation(location);
  if (parsed.kind === 'directory') {
    return createDirectoryBlobStore({ path: parsed.path });
  }
  const { kind: _, ...options } = parsed;
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
