import type { BlobDir, BlobStore } from './blob-store.ts';

/** The directory of a log's blobs: a BlobId is a path below it. */
export async function blobsOfLog(blobs: BlobStore, logId: string): Promise<BlobDir> {
  return (await blobs.getRootDir()).getDir(logId);
}
