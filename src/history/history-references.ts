import type { BlobDir } from '../blob-store/blob-store.ts';
import { TidemarkError } from '../errors.ts';
import type { BlobId, SequenceId } from '../event-log/event-log.ts';

interface ArchivedSnapshot {
  readonly sequenceId: SequenceId;
  readonly blobId: BlobId;
  /** Of its entry, as ISO 8601; absent where the log did not know. */
  readonly committedAt?: string | undefined;
}

/** Names of the blobs that a history needs besides its root: its segments, and those of the roots before it. */
// biome-ignore lint/correctness/useYield: this release writes no history
export async function* historyReferences(_blobs: BlobDir, rootName: BlobId): AsyncGenerator<string, void, undefined> {
  throw new TidemarkError('history_unknown', `This release does not know what history '${rootName}' refers to.`);
}

/** The snapshots that archived entries had, newest first. */
export async function* archivedSnapshots(_blobs: BlobDir, _rootName: BlobId): AsyncGenerator<ArchivedSnapshot, void, undefined> {}
