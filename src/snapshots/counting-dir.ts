/** A blob directory that counts what is written through it. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { delegateTo } from '../blob-store/delegate.ts';

export interface WriteCount {
  blobs: number;
  /** As stored, compressed. */
  bytes: number;
}

export function countWrites(blobs: BlobDir, count: WriteCount): BlobDir {
  return delegateTo(blobs, {
    async writeBlob(name, content) {
      await blobs.writeBlob(name, content);
      count.blobs += 1;
      count.bytes += content.byteLength;
    },
    getDir: async (name) => countWrites(await blobs.getDir(name), count),
  });
}
