/** A blob directory that counts what is written through it. */
import type { BlobDir } from '../blob-store/blob-store.ts';

export interface WriteCount {
  blobs: number;
  /** As stored, compressed. */
  bytes: number;
}

export function countWrites(blobs: BlobDir, count: WriteCount): BlobDir {
  return {
    readBlob: (name) => blobs.readBlob(name),
    async writeBlob(name, content) {
      await blobs.writeBlob(name, content);
      count.blobs += 1;
      count.bytes += content.byteLength;
    },
    removeBlob: (name) => blobs.removeBlob(name),
    getDir: async (name) => countWrites(await blobs.getDir(name), count),
    query: (continuation) => blobs.query(continuation),
    removeAll: () => blobs.removeAll(),
  };
}
