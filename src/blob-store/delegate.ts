import type { BlobDir } from './blob-store.ts';

/** A directory that does some things its own way, and leaves the others to `dir`, whatever that is made of. */
export function delegateTo(dir: BlobDir, own: Partial<BlobDir>): BlobDir {
  return {
    readBlob: (name) => dir.readBlob(name),
    writeBlob: (name, content) => dir.writeBlob(name, content),
    removeBlob: (name) => dir.removeBlob(name),
    getDir: (name) => dir.getDir(name),
    query: (continuation) => dir.query(continuation),
    removeAll: () => dir.removeAll(),
    ...own,
  };
}
