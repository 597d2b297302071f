/** Stands where no blob store was given: logs without snapshots are read all the same, and what needs a snapshot says what is missing. */
import { SetupError } from '../errors.ts';
import type { BlobDir, BlobStore } from './blob-store.ts';

async function refuse(): Promise<never> {
  throw new SetupError(
    'Snapshots are in a blob store that this instance does not know. Give createTidemark({ blobs }) the store of the workers.',
  );
}

const missingDir: BlobDir = {
  readBlob: refuse,
  writeBlob: refuse,
  removeBlob: refuse,
  query: refuse,
  removeAll: refuse,
  getDir: async () => missingDir,
};

export const missingBlobStore: BlobStore = { getRootDir: async () => missingDir };
