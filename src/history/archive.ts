/**
 * Copies entries of a log into history blobs: segments first, then the root that names them. The log itself stays as it is.
 *
 * Memory holds one segment and one answer of the log. Where a segment ends depends on the entries alone, so attempts that overlap write the
 * same blobs. From time to time a root of what there is by then is written and reported, for a later attempt to go on from.
 * Truncated under its feet, past what an earlier history ends with: a new history begins at what the log still holds, and says so in `start`.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { BlobNotFoundError, CorruptBlobError, SequenceRangeError } from '../errors.ts';
import type { BlobId, HistoryValue, SequenceId } from '../event-log/event-log.ts';
import { createBreather } from '../snapshots/breather.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { type ArchivedSnapshot, type HistoryRoot, readHistoryRoot, readRootOf, writeHistoryRoot } from './history-root.ts';
import { readSegment, writeSegment } from './segment.ts';
import type { ReadStoredEntries, StoredEntry } from './stored-entry.ts';

/** What ends a segment, whichever comes first: decoded, it is in a reader's memory as a whole. */
const SEGMENT_ENTRIES = 10_000;
const SEGMENT_BYTES = 4 * 1_048_576;
/** What ends a root. */
const ROOT_SEGMENTS = 256;
const ROOT_SNAPSHOTS = 4_096;
const PROGRESS_MS = 1_000;

export interface ArchiveProgress {
  /** The root so far: pass it as `resume` to the next attempt. */
  history: BlobId;
  /** Entries archived by this attempt, and how many there are for it in all. */
  entries: number;
  total: number;
}

export interface ArchiveOptions {
  /** The entries of the log, whole. */
  entries: ReadStoredEntries;
  blobs: BlobDir;
  /** The first entry that the log holds. */
  first: SequenceId;
  /** Exclusive. */
  to: SequenceId;
  /** The newest history of the log, which this one goes on. */
  newest?: HistoryValue | undefined;
  /** The last `history` that an earlier attempt reported. Where it cannot be read, or is no part of this, it is not used. */
  resume?: BlobId | undefined;
  /** Most entries and characters of data in one segment, and most segments in one root. */
  segmentEntries?: number | undefined;
  segmentBytes?: number | undefined;
  rootSegments?: number | undefined;
  /** How often to report. Default 1 s. */
  progressMs?: number | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: ArchiveProgress) => void | Promise<void>) | undefined;
}

export interface ArchiveValue {
  /** The root, to be set as `history` of entry `to`; absent where there was nothing to archive and is no history either. */
  history?: BlobId;
  /** First entry of the history. */
  start?: SequenceId;
  /** Entries copied by this attempt. */
  entries: number;
}

/** @throws SequenceRangeError where the log was truncated past `to`; CorruptBlobError, BlobNotFoundError for the history that it goes on */
export async function archiveEntries(options: ArchiveOptions): Promise<ArchiveValue> {
  let { first, newest, resume } = options;
  for (;;) {
    try {
      return await archiveFrom({ ...options, first, newest, resume });
    } catch (error) {
      const isTruncatedUnderneath = error instanceof SequenceRangeError && error.startSequenceId <= options.to;
      const isNews = newest !== undefined || resume !== undefined || (isTruncatedUnderneath && error.startSequenceId > first);
      if (!isTruncatedUnderneath || !isNews) {
        throw error;
      }
      first = error.startSequenceId;
      newest = resume = undefined;
    }
  }
}

async function archiveFrom(options: ArchiveOptions): Promise<ArchiveValue> {
  const { entries: read, blobs, first, to, segmentEntries = SEGMENT_ENTRIES, segmentBytes = SEGMENT_BYTES } = options;
  const { progressMs = PROGRESS_MS, rootSegments = ROOT_SEGMENTS, signal, onProgress } = options;
  const base = await findBase(options);
  const root = growRoot(blobs, base, first, rootSegments);
  const begin = root.end;
  if (begin >= to) {
    return base && base.root.end === to ? { history: base.name, start: base.root.start, entries: 0 } : { entries: 0 };
  }
  const breather = createBreather(signal);
  let reported = performance.now();
  let segment: StoredEntry[] = [];
  let characters = 0;

  for (let position = begin; position < to; ) {
    signal?.throwIfAborted();
    const answer = await read(position, to);
    if (answer.length === 0) {
      throw new SequenceRangeError(position, first, position);
    }
    for (const entry of answer) {
      if (segment.length >= segmentEntries || (segment.length > 0 && characters + entry.data.length > segmentBytes)) {
        await root.add(segment);
        segment = [];
        characters = 0;
        await breather.breathe();
        if (onProgress && performance.now() - reported >= progressMs) {
          await onProgress({ history: await root.write(), entries: Number(root.end - begin), total: Number(to - begin) });
          reported = performance.now();
        }
      }
      segment.push(entry);
      characters += entry.data.length;
      position += 1n;
    }
  }
  await root.add(segment);
  return { history: await root.write(), start: root.start, entries: Number(to - begin) };
}

interface NamedRoot {
  name: BlobId;
  root: HistoryRoot;
}

/** The history to go on with: what an earlier attempt has come to, else the log's newest. */
async function findBase({ blobs, cache, first, to, newest, resume, signal }: ArchiveOptions): Promise<NamedRoot | undefined> {
  const base = newest && { name: newest.blobId, root: await readRootOf(blobs, newest, cache) };
  if (resume === undefined) {
    return base;
  }
  try {
    const root = await readHistoryRoot(blobs, resume, cache);
    const joins =
      root.end >= first && root.end <= to && (base ? root.start === base.root.start && root.end > base.root.end : root.start <= first);
    if (!joins) {
      return base;
    }
    await readBack(blobs, root, base?.root.end ?? root.start, signal);
    return { name: resume, root };
  } catch (error) {
    // It only ever spares work.
    if (error instanceof BlobNotFoundError || error instanceof CorruptBlobError) {
      return base;
    }
    throw error;
  }
}

/**
 * Reads what an earlier attempt has archived from `from` on: entries will leave the log for it, and it may have been long ago.
 * @throws BlobNotFoundError, CorruptBlobError
 */
async function readBack(blobs: BlobDir, last: HistoryRoot, from: SequenceId, signal?: AbortSignal): Promise<void> {
  for (let root = last; ; root = await readHistoryRoot(blobs, root.previous.name)) {
    for (const segment of root.segments.filter(({ end }) => end > from)) {
      signal?.throwIfAborted();
      await readSegment(blobs, segment);
    }
    if (root.previous === undefined || root.previous.end <= from) {
      return;
    }
  }
}

/** A root that grows segment by segment, and begins anew where it becomes too long. */
function growRoot(blobs: BlobDir, base: NamedRoot | undefined, first: SequenceId, rootSegments: number) {
  const start = base?.root.start ?? first;
  let end = base?.root.end ?? first;
  let previous = base?.root.previous;
  let segments = [...(base?.root.segments ?? [])];
  let snapshots: ArchivedSnapshot[] = [...(base?.root.snapshots ?? [])];
  let last = segments.at(-1)?.name;

  async function write(): Promise<BlobId> {
    return writeHistoryRoot(blobs, { start, end, previous, segments, snapshots });
  }

  return {
    start,
    get end() {
      return end;
    },
    write,
    async add(entries: readonly StoredEntry[]): Promise<void> {
      if (segments.length >= rootSegments || snapshots.length >= ROOT_SNAPSHOTS) {
        previous = { name: await write(), end };
        segments = [];
        snapshots = [];
      }
      const segment = await writeSegment(blobs, end, entries, last);
      entries.forEach(({ snapshot, committedAt }, index) => {
        if (snapshot !== undefined) {
          snapshots.push({ sequenceId: segment.start + BigInt(index), blobId: snapshot, committedAt });
        }
      });
      segments.push(segment);
      last = segment.name;
      end = segment.end;
    },
  };
}
