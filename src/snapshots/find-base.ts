/**
 * Where a fold begins: the newest snapshot that this log type can read at or before a sequence id, else an empty log's beginning.
 *
 * The common case is one query, which brings the first page of entries with it. A snapshot that is newer than asked for (an older unit,
 * delivered again), of another version, or old and removed is stepped over by walking back through the log and its history. Where the entries
 * before the first one that can be read are gone and no snapshot stands for them, there is no base: an error, never a fold from empty.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { BlobNotFoundError, CorruptBlobError, HistoryGoneError, SequenceRangeError } from '../errors.ts';
import type { BlobId, EventLog, LogEntry, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import type { SnapshotCache } from './cache.ts';
import { walkBackSnapshots } from './walk-back.ts';

/** As `snapshotId` of a query: no snapshot has this id, so the answer always names the newest one. */
export const NO_SNAPSHOT: SequenceId = -1n;

export interface FindBaseOptions<EntryT extends LogEntry, StateT> {
  log: EventLog<EntryT>;
  blobs: BlobDir;
  logType: LogType<EntryT, StateT>;
  /** State of all entries strictly before this one; 'end': of all entries. */
  to: SequenceId | 'end';
  /** A manifest of an earlier attempt: taken where it is newer than every usable snapshot. */
  resume?: SnapshotValue | undefined;
  /** What `log.query('snapshot', to, NO_SNAPSHOT)` has answered, where the caller has it already. */
  prefetched?: QueryValue<EntryT> | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
}

export interface FoldBase<EntryT, StateT> {
  sequenceId: SequenceId;
  state: StateT;
  /** Absent for the empty state. */
  blobId?: BlobId;
  /** The first page of entries from `sequenceId` on, where it came with the query. */
  page?: QueryValue<EntryT>;
}

/** @throws HistoryGoneError; CorruptBlobError; BlobNotFoundError for the newest snapshot; SequenceRangeError for `to` before the first entry held */
export async function findBase<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
): Promise<FoldBase<EntryT, StateT>> {
  const { log, logType, to } = options;
  const resumed = await findResumeBase(options);
  if (resumed !== undefined) {
    return resumed;
  }
  const page = options.prefetched ?? (await log.query('snapshot', to, NO_SNAPSHOT));
  const newest = page.lastSnapshot;
  if (newest === undefined) {
    await refuseGoneHistory(options, page.startSequenceId);
    return { sequenceId: 0n, state: logType.initial(), page };
  }
  const isInReach = to === 'end' || newest.sequenceId <= to;
  if (isInReach) {
    const state = await readSnapshot(options, newest.blobId);
    if (state !== undefined) {
      return { ...newest, state, ...(page.startSequenceId === newest.sequenceId ? { page } : {}) };
    }
  }
  const walk = walkBackSnapshots(log, isInReach ? newest.sequenceId - 1n : to);
  for (;;) {
    const step = await walk.next();
    if (step.done) {
      await refuseGoneHistory(options, step.value);
      return { sequenceId: 0n, state: logType.initial() };
    }
    const state = await readOlderSnapshot(options, step.value.blobId);
    if (state !== undefined) {
      return { ...step.value, state };
    }
  }
}

async function findResumeBase<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
): Promise<FoldBase<EntryT, StateT> | undefined> {
  const { log, to, resume } = options;
  if (resume === undefined || (to !== 'end' && resume.sequenceId > to)) {
    return undefined;
  }
  try {
    const state = await readSnapshot(options, resume.blobId);
    if (state === undefined) {
      return undefined;
    }
    const page = await log.query(resume.sequenceId, to, NO_SNAPSHOT);
    const newest = page.lastSnapshot;
    const isOvertaken = newest !== undefined && newest.sequenceId > resume.sequenceId && (to === 'end' || newest.sequenceId <= to);
    return isOvertaken ? undefined : { ...resume, state, page };
  } catch (error) {
    // It only ever spares work: where it cannot be read, or the log was truncated past it, the log itself still has the answer.
    if (error instanceof BlobNotFoundError || error instanceof CorruptBlobError || error instanceof SequenceRangeError) {
      return undefined;
    }
    throw error;
  }
}

function readSnapshot<EntryT extends LogEntry, StateT>(
  { blobs, logType, cache, signal }: FindBaseOptions<EntryT, StateT>,
  blobId: BlobId,
): Promise<StateT | undefined> {
  return logType.snapshots.read(blobs, blobId, { typeVersion: logType.version, cache, signal });
}

/** As long as its entries can be read, an older snapshot spares time and nothing else: it may have been removed. */
async function readOlderSnapshot<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
  blobId: BlobId,
): Promise<StateT | undefined> {
  try {
    return await readSnapshot(options, blobId);
  } catch (error) {
    if (error instanceof BlobNotFoundError) {
      return undefined;
    }
    throw error;
  }
}

async function refuseGoneHistory<EntryT extends LogEntry, StateT>(
  { log, to }: FindBaseOptions<EntryT, StateT>,
  first: SequenceId,
): Promise<void> {
  if (first === 0n) {
    return;
  }
  if (to !== 'end' && to < first) {
    await log.query(to, to); // throws the SequenceRangeError with the log's own bounds
  }
  throw new HistoryGoneError(first);
}
