/** A blob store that asks before each read and write of a blob: the test may let it wait, or fail. */
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { delegateTo } from '../../src/blob-store/delegate.ts';

export function troubledBlobStore(store: BlobStore, before: (call: 'read' | 'write') => Promise<void>): BlobStore {
  const troubled = (dir: BlobDir): BlobDir =>
    delegateTo(dir, {
      async readBlob(name) {
        await before('read');
        return dir.readBlob(name);
      },
      async writeBlob(name, content) {
        await before('write');
        return dir.writeBlob(name, content);
      },
      getDir: async (name) => troubled(await dir.getDir(name)),
    });
  return { getRootDir: async () => troubled(await store.getRootDir()) };
}
