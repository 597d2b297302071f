import type { BlobDir } from '../blob-store/blob-store.ts';
import type { BlobId } from '../event-log/event-log.ts';
import { type HistoryRoot, readHistoryRoot } from './history-root.ts';

/**
 * Names of the blobs that a history needs besides its root: its segments, and the roots before it with theirs. The snapshots that archived
 * entries had are not among them: history is whole without any (see `historyRoots`).
 * @throws CorruptBlobError, BlobNotFoundError where a root cannot be read
 */
export async function* historyReferences(blobs: BlobDir, rootName: BlobId): AsyncGenerator<string, void, undefined> {
  for await (const { root, name } of historyRoots(blobs, rootName)) {
    if (name !== rootName) {
      yield name;
    }
    for (const segment of root.segments) {
      yield segment.name;
    }
  }
}

/** Of a history, newest first: each lists its segments, and the snapshots that their entries had. */
export async function* historyRoots(
  blobs: BlobDir,
  rootName: BlobId,
): AsyncGenerator<{ name: string; root: HistoryRoot }, void, undefined> {
  for (let name: string | undefined = rootName; name !== undefined; ) {
    const root = await readHistoryRoot(blobs, name);
    yield { name, root };
    name = root.previous?.name;
  }
}
