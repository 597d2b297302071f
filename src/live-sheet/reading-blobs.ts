/** A blob directory for a reader: a blob that several tiles need at once (a page of their list) is read once, and none is waited for without end. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { delegateTo } from '../blob-store/delegate.ts';
import type { WithDeadline } from './deadline.ts';

export interface ReadingBlobsOptions {
  timeoutMs: number;
  withDeadline: WithDeadline;
}

export function readingBlobs(blobs: BlobDir, { timeoutMs, withDeadline }: ReadingBlobsOptions): BlobDir {
  const reading = new Map<string, Promise<Uint8Array>>();
  return delegateTo(blobs, {
    readBlob(name) {
      let read = reading.get(name);
      if (read === undefined) {
        read = withDeadline(blobs.readBlob(name), timeoutMs, `Blob '${name}'`).finally(() => reading.delete(name));
        reading.set(name, read);
      }
      return read;
    },
    getDir: async (name) => readingBlobs(await blobs.getDir(name), { timeoutMs, withDeadline }),
  });
}
