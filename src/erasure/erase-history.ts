/**
 * A history without some values: segments that have any of them are written again, the others are named as they are, and the roots anew, from
 * the oldest on. The history that it is made from stays as it is. Memory holds one segment.
 *
 * The roots list no snapshot of before the erasure, as those hold the values, but for `base`. Done again, it writes the same blobs.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { BlobId, HistoryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { Eraser } from '../event-log/log-type.ts';
import { type HistoryRoot, readHistoryRoot, readRootOf, writeHistoryRoot } from '../history/history-root.ts';
import { readSegment, type SegmentRef, storedEntriesIn, writeSegment } from '../history/segment.ts';
import { eraseStored } from './erase-stored.ts';

export interface EraseHistoryOptions {
  blobs: BlobDir;
  /** The newest history of the log. */
  newest: HistoryValue;
  /** Entries before this one lose the values. A history may reach further. */
  before: SequenceId;
  eraser: Eraser;
  /** The snapshot that stands for what is before the history, without the values. */
  base?: SnapshotValue | undefined;
  signal?: AbortSignal | undefined;
  /** After each segment: entries looked at, and how many there are. */
  onProgress?: ((entries: number, total: number) => Promise<void>) | undefined;
}

export interface EraseHistoryValue {
  /** To be set where the other one was. */
  history: BlobId;
  /** That had values. */
  segments: number;
  entries: number;
}

/** @throws CorruptBlobError, BlobNotFoundError */
export async function eraseHistory(options: EraseHistoryOptions): Promise<EraseHistoryValue> {
  const { blobs, newest, before, base, signal, onProgress } = options;
  const head = await readRootOf(blobs, newest);
  const names = [newest.blobId];
  for (let root: HistoryRoot = head; root.previous; root = await readHistoryRoot(blobs, root.previous.name)) {
    names.push(root.previous.name);
  }
  const value: EraseHistoryValue = { history: newest.blobId, segments: 0, entries: 0 };
  let previous: HistoryRoot['previous'];
  let last: string | undefined;
  for (const name of names.reverse()) {
    const root = await readHistoryRoot(blobs, name);
    const segments: SegmentRef[] = [];
    for (const segment of root.segments) {
      signal?.throwIfAborted();
      const erased = segment.start < before ? await eraseSegment(options, segment, last) : undefined;
      if (erased) {
        value.segments += 1;
        value.entries += erased.entries;
      }
      segments.push(erased?.segment ?? segment);
      last = segments.at(-1)?.name;
      await onProgress?.(Number(segment.end - head.start), Number(head.end - head.start));
    }
    const snapshots = root.snapshots
      .filter(({ sequenceId }) => sequenceId > before || sequenceId === base?.sequenceId)
      .map((snapshot) => (snapshot.sequenceId === base?.sequenceId ? { ...snapshot, blobId: base.blobId } : snapshot));
    value.history = await writeHistoryRoot(blobs, { ...root, previous, segments, snapshots });
    previous = { name: value.history, end: root.end };
  }
  return value;
}

/** @returns undefined where it has none of the values */
async function eraseSegment(
  { blobs, before, eraser }: EraseHistoryOptions,
  ref: SegmentRef,
  last: string | undefined,
): Promise<{ segment: SegmentRef; entries: number } | undefined> {
  let entries = 0;
  const erased = storedEntriesIn(await readSegment(blobs, ref)).map((entry, index) => {
    const sequenceId = ref.start + BigInt(index);
    if (sequenceId > before) {
      return entry;
    }
    const data = sequenceId < before ? eraseStored(eraser, entry, sequenceId) : undefined;
    entries += data === undefined ? 0 : 1;
    // The blobs that it named go with the values.
    return { ...entry, data: data ?? entry.data, snapshot: undefined, history: undefined };
  });
  return entries === 0 ? undefined : { segment: await writeSegment(blobs, ref.start, erased, last), entries };
}
