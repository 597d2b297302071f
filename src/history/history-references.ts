import type { BlobDir } from '../blob-store/blob-store.ts';
import { TidemarkError } from '../errors.ts';
import type { BlobId } from '../event-log/event-log.ts';

/** Names of the blobs that a history needs beside its root: its segments, and those of the roots before it. */
// biome-ignore lint/correctness/useYield: this release writes no history
export async function* historyReferences(_blobs: BlobDir, root: BlobId): AsyncGenerator<string, void, undefined> {
  throw new TidemarkError('history_unknown', `This release does not know what history '${root}' refers to.`);
}
