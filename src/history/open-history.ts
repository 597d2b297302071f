/**
 * Looking things up in a history: which segment holds an entry, which snapshots archived entries had.
 *
 * Of older roots only name and range are kept once they were passed, so a position is found by one search and one read, however long the
 * history is. Errors are those of the blob store, and CorruptBlobError for what does not join.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { CorruptBlobError } from '../errors.ts';
import type { HistoryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { type HistoryRoot, readHistoryRoot, readRootOf } from './history-root.ts';
import type { SegmentRef } from './segment.ts';

export interface History {
  readonly name: string;
  /** It holds [start, end). */
  readonly start: SequenceId;
  readonly end: SequenceId;
  /** The segment that holds `position`, which is in [start, end). */
  segmentAt(position: SequenceId): Promise<SegmentRef>;
  /** Snapshots on archived entries at or before `from`, newest first. Their blobs may be gone. */
  snapshotsUpTo(from: SequenceId): AsyncGenerator<SnapshotValue, void, undefined>;
}

interface Place {
  name: string;
  end: SequenceId;
  /** First entry that this root lists itself. */
  start: SequenceId;
}

export async function openHistory(blobs: BlobDir, newest: HistoryValue, cache?: SnapshotCache): Promise<History> {
  const head = await readRootOf(blobs, newest, cache);
  let held: { name: string; root: HistoryRoot } = { name: newest.blobId, root: head };
  /** Newest first: as far back as anybody has asked. */
  const places: Place[] = [placeOf(newest.blobId, head)];
  let before = head.previous;

  async function rootAt(index: number): Promise<HistoryRoot | undefined> {
    while (places.length <= index) {
      if (before === undefined) {
        return undefined;
      }
      const { name, end } = before;
      const root = await readHistoryRoot(blobs, name, cache);
      if (root.end !== end || root.start !== head.start) {
        throw new CorruptBlobError(name, `it holds [${root.start}, ${root.end}) and is listed as [${head.start}, ${end})`);
      }
      if (before?.name !== name) {
        continue; // somebody else was here meanwhile
      }
      held = { name, root };
      places.push(placeOf(name, root));
      before = root.previous;
    }
    const { name } = places[index] as Place;
    if (held.name !== name) {
      held = { name, root: await readHistoryRoot(blobs, name, cache) };
    }
    return held.root;
  }

  return {
    name: newest.blobId,
    start: head.start,
    end: head.end,
    async segmentAt(position) {
      let index = places.findIndex(({ start }) => start <= position);
      for (index = index < 0 ? places.length : index; ; index += 1) {
        const root = await rootAt(index);
        if (root === undefined) {
          throw new CorruptBlobError(
            newest.blobId,
            `it says that it begins at ${head.start} and lists nothing that holds entry ${position}`,
          );
        }
        if ((places[index] as Place).start <= position) {
          return findSegment(root, position);
        }
      }
    },
    async *snapshotsUpTo(from) {
      for (let index = 0; ; index += 1) {
        const root = await rootAt(index);
        if (root === undefined) {
          return;
        }
        for (const { sequenceId, blobId } of root.snapshots.toReversed()) {
          if (sequenceId <= from) {
            yield { sequenceId, blobId };
          }
        }
      }
    },
  };
}

function placeOf(name: string, { end, segments }: HistoryRoot): Place {
  return { name, end, start: (segments[0] as SegmentRef).start };
}

/** The segments of a root join each other, so one of them holds it. */
function findSegment({ segments }: HistoryRoot, position: SequenceId): SegmentRef {
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((segments[middle] as SegmentRef).start <= position) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return segments[low] as SegmentRef;
}
