/**
 * Where a fold begins: the newest snapshot that this log type can read at or before a sequence id, else an empty log's beginning.
 *
 * The common case is one query, which brings the first page of entries with it. A snapshot that is newer than asked for (an older unit,
 * delivered again), of another version, or old and removed is stepped over by walking back through the log and its history. So is one whose blob
 * is corrupt, or gone though it is the newest, and `onFallback` hears of it. Where the entries before the first one that can be read are gone and no
 * snapshot stands for them, there is no base: an error, never a fold from empty.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { BlobNotFoundError, CorruptBlobError, HistoryGoneError, SequenceRangeError, type TidemarkError } from '../errors.ts';
import type { BlobId, EventLog, LogEntry, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import { historyOf } from '../history/with-history.ts';
import type { SnapshotCache } from './cache.ts';
import { walkBackSnapshots } from './walk-back.ts';

/** As `snapshotId` of a query: no snapshot has this id, so the answer always names the newest one. */
export const NO_SNAPSHOT: SequenceId = -1n;

/** A snapshot that could not be used, so that an older one, or the beginning of the log, and the entries since stood in. */
export interface SnapshotFallback extends SnapshotValue {
  /** CorruptBlobError or BlobNotFoundError; names the blob. */
  error: TidemarkError;
}

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
  /** Snapshots that are known to be of no use, and why. */
  unusable?: ReadonlyMap<BlobId, TidemarkError> | undefined;
  /** Called for each snapshot that something else stood in for, newest first. */
  onFallback?: ((fallback: SnapshotFallback) => void) | undefined;
  /** Without snapshots of archived entries, where those entries can be folded: no row keeps such a snapshot while others are written over it. */
  heldOnly?: boolean | undefined;
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

/**
 * @throws HistoryGoneError; SequenceRangeError for `to` before the first entry held; CorruptBlobError, BlobNotFoundError of the newest
 * unusable snapshot where nothing can stand in for it
 */
export async function findBase<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
): Promise<FoldBase<EntryT, StateT>> {
  const { log, logType, to, heldOnly } = options;
  const resumed = await findResumeBase(options);
  if (resumed !== undefined) {
    return resumed;
  }
  const held = heldOnly ? historyOf(log)?.held : undefined;
  const page = options.prefetched ?? (await (held ?? log).query('snapshot', to, NO_SNAPSHOT));
  const newest = page.lastSnapshot;
  if (newest === undefined && (held === undefined || page.startSequenceId === 0n)) {
    await refuseGoneHistory(options, page.startSequenceId);
    return { sequenceId: 0n, state: logType.initial(), page };
  }
  const passed: SnapshotFallback[] = [];
  const isInReach = newest !== undefined && (to === 'end' || newest.sequenceId <= to);
  if (isInReach) {
    const state = await readUsable(options, newest, passed);
    if (state !== undefined) {
      return { ...newest, state, ...(page.startSequenceId === newest.sequenceId ? { page } : {}) };
    }
  }
  const walk = walkBackSnapshots(log, isInReach ? newest.sequenceId - 1n : to === 'end' ? page.endSequenceId : to, { heldOnly });
  for (;;) {
    const step = await walk.next();
    if (step.done) {
      await refuseGoneHistory(options, step.value, passed);
      reportFallbacks(options, passed);
      return { sequenceId: 0n, state: logType.initial() };
    }
    const state = await readOlder(options, step.value, passed);
    if (state !== undefined) {
      reportFallbacks(options, passed);
      return { ...step.value, state };
    }
  }
}

/** That a blob is not there, or not what it should be: asking again will not help, another snapshot may. */
export function isUnusableBlob(error: unknown): error is TidemarkError {
  return error instanceof CorruptBlobError || error instanceof BlobNotFoundError;
}

/** @returns undefined for another type version, and, noted in `passed`, where the blob is corrupt or gone */
async function readUsable<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
  snapshot: SnapshotValue,
  passed: SnapshotFallback[],
): Promise<StateT | undefined> {
  const known = options.unusable?.get(snapshot.blobId);
  if (known !== undefined) {
    passed.push({ ...snapshot, error: known });
    return undefined;
  }
  try {
    return await readSnapshot(options, snapshot.blobId);
  } catch (error) {
    if (!isUnusableBlob(error)) {
      throw error;
    }
    passed.push({ ...snapshot, error });
    return undefined;
  }
}

/** One that is gone is no news: as long as its entries can be read, an older snapshot spares time and nothing else, and may have been removed. */
async function readOlder<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
  snapshot: SnapshotValue,
  passed: SnapshotFallback[],
): Promise<StateT | undefined> {
  const unusable: SnapshotFallback[] = [];
  const state = await readUsable(options, snapshot, unusable);
  passed.push(...unusable.filter(({ error }) => !(error instanceof BlobNotFoundError)));
  return state;
}

function reportFallbacks<EntryT extends LogEntry, StateT>(
  { onFallback }: FindBaseOptions<EntryT, StateT>,
  passed: readonly SnapshotFallback[],
): void {
  for (const fallback of passed) {
    onFallback?.(fallback);
  }
}

async function findResumeBase<EntryT extends LogEntry, StateT>(
  options: FindBaseOptions<EntryT, StateT>,
): Promise<FoldBase<EntryT, StateT> | undefined> {
  const { log, to, resume, unusable } = options;
  if (resume === undefined || (to !== 'end' && resume.sequenceId > to) || unusable?.has(resume.blobId)) {
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
    if (isUnusableBlob(error) || error instanceof SequenceRangeError) {
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

async function refuseGoneHistory<EntryT extends LogEntry, StateT>(
  { log, to }: FindBaseOptions<EntryT, StateT>,
  first: SequenceId,
  passed: readonly SnapshotFallback[] = [],
): Promise<void> {
  if (first === 0n) {
    return;
  }
  if (to !== 'end' && to < first) {
    await log.query(to, to); // throws the SequenceRangeError with the log's own bounds
  }
  throw passed[0]?.error ?? new HistoryGoneError(first);
}
