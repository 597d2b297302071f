/** For tests of the blob store in Postgres. */
import type { BlobDir } from '../../src/blob-store/blob-store.ts';

export const dirOf = async (root: BlobDir, ...names: string[]): Promise<BlobDir> =>
  names.reduce(async (dir, name) => (await dir).getDir(name), Promise.resolve(root));

/** Of no period that a chunk is a multiple of: one that is missing, doubled or out of place shows. */
export const patterned = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + (index >>> 11) + seed) % 251);
