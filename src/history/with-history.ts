/**
 * A log with its history as one log for reading: what was archived is read as if it had never left.
 *
 * 'start' is the first entry of the history, a range may begin in the history and end in the log, and a compaction that moves entries from
 * one to the other between two pages changes nothing. Reading what the log holds costs what it costs without history. Entries before the
 * history, which somebody truncated by hand, are a SequenceRangeError that says what there is. Writing is the log's own.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { SequenceRangeError } from '../errors.ts';
import type { ArchivableLog, EventLog, LogEntry, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { type History, openHistory } from './open-history.ts';
import { entriesIn, readSegment, type Segment, type SegmentRef } from './segment.ts';

export interface WithHistoryOptions<T extends LogEntry> {
  log: ArchivableLog<T>;
  /** The directory of this log's blobs; asked for when history is first needed. */
  blobs: BlobDir | (() => Promise<BlobDir>);
  /** Decoded segments and roots; without one, the last segment is held. */
  cache?: SnapshotCache | undefined;
}

export interface LogWithHistory<T extends LogEntry> extends ArchivableLog<T> {
  /** The log alone. */
  readonly held: EventLog<T>;
  /**
   * Snapshots of archived entries at or before `from`, newest first; their blobs may be gone.
   * @returns the first sequence id that can be read
   */
  archivedSnapshots(from: SequenceId): AsyncGenerator<SnapshotValue, SequenceId, undefined>;
}

/** No snapshot has this id: an answer always names the newest one. */
const ANY_SNAPSHOT: SequenceId = -1n;

/** @example const sheet = await openSheet({ log: withHistory({ log, blobs }), blobs, at: 100n }) */
export function withHistory<T extends LogEntry>({ log, blobs, cache }: WithHistoryOptions<T>): LogWithHistory<T> {
  const directory = async () => (typeof blobs === 'function' ? blobs() : blobs);
  /** What the log held when it last refused an id. It may hold less by now, never more. */
  let held: { start: SequenceId; end: SequenceId } | undefined;
  let known: History | undefined;
  let last: { name: string; segment: Segment } | undefined;

  async function newestHistory(): Promise<History | undefined> {
    const newest = await log.lastHistory();
    if (newest !== undefined && newest.blobId !== known?.name) {
      known = await openHistory(await directory(), newest, cache);
    }
    return newest && known;
  }

  /** The history that holds `position`, which is not in the log. */
  async function historyWith(position: SequenceId): Promise<History | undefined> {
    const history = known && position < known.end ? known : await newestHistory();
    return history && position >= history.start && position < history.end ? history : undefined;
  }

  async function segmentAt(history: History, position: SequenceId): Promise<{ ref: SegmentRef; segment: Segment }> {
    const ref = await history.segmentAt(position);
    if (last?.name !== ref.name) {
      last = { name: ref.name, segment: await readSegment(await directory(), ref, cache) };
    }
    return { ref, segment: last.segment };
  }

  async function pageOf(history: History, start: SequenceId, end: SequenceId | 'end', snapshotId?: SequenceId): Promise<QueryValue<T>> {
    const newest = snapshotId === undefined ? {} : await newestSnapshot(snapshotId);
    if (end !== 'end' && end <= start) {
      return { startSequenceId: start, endSequenceId: start, isComplete: true, ...newest, entries: [] };
    }
    const { ref, segment } = await segmentAt(history, start);
    const to = end === 'end' || end > ref.end ? ref.end : end;
    const entries = entriesIn<T>(segment, start, to);
    // The log goes on where its history ends: only an end inside is the end.
    return { startSequenceId: start, endSequenceId: to, isComplete: to === end, ...newest, entries };
  }

  /** Of the log; where it has none, of the history. */
  async function newestSnapshot(snapshotId: SequenceId): Promise<{ lastSnapshot?: SnapshotValue }> {
    const { lastSnapshot } = await log.query('snapshot', 0n, ANY_SNAPSHOT);
    const newest = lastSnapshot ?? (await newestArchived());
    return newest === undefined || newest.sequenceId === snapshotId ? {} : { lastSnapshot: newest };
  }

  async function newestArchived(): Promise<SnapshotValue | undefined> {
    const history = await newestHistory();
    const first = await history?.snapshotsUpTo(history.end).next();
    return first?.value ?? undefined;
  }

  async function queryFrom(start: SequenceId, end: SequenceId | 'end', snapshotId?: SequenceId): Promise<QueryValue<T>> {
    if (held !== undefined && start >= 0n && start < held.start) {
      const history = await historyWith(start);
      if (history) {
        return pageOf(history, start, end, snapshotId);
      }
    }
    try {
      return await log.query(start, end, snapshotId);
    } catch (error) {
      if (!(error instanceof SequenceRangeError)) {
        throw error;
      }
      held = { start: error.startSequenceId, end: error.endSequenceId };
      const history = start < held.start ? await historyWith(start) : undefined;
      if (history) {
        return pageOf(history, start, end, snapshotId);
      }
      const whole = await newestHistory();
      throw whole ? new SequenceRangeError(start, whole.start, held.end) : error;
    }
  }

  async function queryNewest(end: SequenceId | 'end', snapshotId?: SequenceId): Promise<QueryValue<T>> {
    const page = await log.query('snapshot', end, ANY_SNAPSHOT);
    const { lastSnapshot, ...rest } = page;
    if (lastSnapshot !== undefined || page.startSequenceId === 0n) {
      return lastSnapshot === undefined || snapshotId === undefined || lastSnapshot.sequenceId === snapshotId ? rest : page;
    }
    const from = (await newestArchived())?.sequenceId ?? (await newestHistory())?.start;
    return from === undefined ? rest : queryFrom(from, end, snapshotId);
  }

  return {
    held: log,
    addEntry: (...args) => log.addEntry(...args),
    addEntries: (...args) => log.addEntries(...args),
    setMetadata: (...args) => log.setMetadata(...args),
    completeWorkflow: (...args) => log.completeWorkflow(...args),
    truncate: (start) => log.truncate(start),
    subscribe: (onChange) => log.subscribe(onChange),
    lastHistory: () => log.lastHistory(),
    async query(start, end, snapshotId) {
      if (start === 'snapshot') {
        return queryNewest(end, snapshotId);
      }
      if (start !== 'start') {
        return queryFrom(start, end, snapshotId);
      }
      const history = await newestHistory();
      return history ? queryFrom(history.start, end, snapshotId) : log.query('start', end, snapshotId);
    },
    async *archivedSnapshots(from) {
      const history = await newestHistory();
      if (history === undefined) {
        return (await log.query('start', 0n)).startSequenceId;
      }
      yield* history.snapshotsUpTo(from);
      return history.start;
    },
  };
}

/** The same log with what `withHistory` adds; undefined for a log by itself. */
export function historyOf<T extends LogEntry>(log: EventLog<T>): LogWithHistory<T> | undefined {
  return 'archivedSnapshots' in log ? (log as LogWithHistory<T>) : undefined;
}
