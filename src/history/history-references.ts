import type { BlobDir } from '../blob-store/blob-store.ts';
import type { BlobId } from '../event-log/event-log.ts';
import { type ArchivedSnapshot, type HistoryRoot, readHistoryRoot } from './history-root.ts';

/**
 * Names of the blobs that a history needs besides its root: its segments, and the roots before it with theirs. The snapshots that archived
 * entries had are not among them: history is whole without any (see `archivedSnapshots`).
 * @throws CorruptBlobError, BlobNotFoundError where a root cannot be read
 */
export async function* historyReferences(blobs: BlobDir, rootName: BlobId): AsyncGenerator<string, void, undefined> {
  for await (const { root, name } of rootsOf(blobs, rootName)) {
    if (name !== rootName) {
      yield name;
    }
    for (const segment of root.segments) {
      yield segment.name;
    }
  }
}

/** The snapshots that archived entries had, newest first. Going back in time is quicker with those whose blobs are kept. */
export async function* archivedSnapshots(blobs: BlobDir, rootName: BlobId): AsyncGenerator<ArchivedSnapshot, void, undefined> {
  for await (const { root } of rootsOf(blobs, rootName)) {
    yield* root.snapshots.toReversed();
  }
}

async function* rootsOf(blobs: BlobDir, rootName: BlobId): AsyncGenerator<{ name: string; root: HistoryRoot }, void, undefined> {
  for (let name: string | undefined = rootName; name !== undefined; ) {
    const root = await readHistoryRoot(blobs, name);
    yield { name, root };
    name = root.previous?.name;
  }
}
