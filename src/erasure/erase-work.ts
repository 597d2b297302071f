/**
 * An erasure as a unit of work, asked for by entry N. In this order:
 *
 * 1. the entries before N that the log holds lose the values, a page at a time;
 * 2. the history is written without them, and a snapshot at N; where the first entries are gone, also the oldest snapshot, which stands for them;
 * 3. one transaction puts these in place of all that came before: snapshots of older entries go, the newest history is the new one. It is
 *    fenced: an attempt that was taken over changes nothing. From here on nothing refers to a blob with the values;
 * 4. blobs that nothing refers to are removed, without a grace period;
 * 5. the unit ends, and with it the entry's `pending`.
 *
 * Killed anywhere, the next attempt goes on: up to 3 it does again what it cannot know to be done, which changes nothing, after 3 it goes to 4.
 */

import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { FencedError, InvalidInputError, TidemarkError, UnavailableError } from '../errors.ts';
import type { BlobId, LogEntry, SequenceId } from '../event-log/event-log.ts';
import type { AnyLogType, Eraser } from '../event-log/log-type.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { readEntry } from '../event-log/read-entry.ts';
import { readLog } from '../event-log/read-log.ts';
import { MAX_KEEP } from '../event-log/retention-settings.ts';
import { blobsToWrite } from '../garbage/blobs-to-write.ts';
import { collectLog } from '../garbage/collect-log.ts';
import { withHistory } from '../history/with-history.ts';
import { inSchema } from '../postgres/queryable.ts';
import { createSnapshotCache, type SnapshotCache } from '../snapshots/cache.ts';
import { isOver, logTypeOf, MAX_ATTEMPTS, PAGE_SIZE, warnOfFallback } from '../snapshots/snapshot-work.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { Unit, UnitContext, UnitHandler } from '../work/unit.ts';
import { takeErasedBase } from './erase-base.ts';
import { eraseHeldEntries } from './erase-entries.ts';
import { eraseHistory } from './erase-history.ts';
import { takeErasedSnapshot } from './erase-snapshot.ts';
import { swapErased } from './swap-erased.ts';

/** What the rewriting has come to: kept in the row once it counts. */
interface Swapped {
  step: 'swapped';
  /** That had values: in the log, or archived. */
  entries: number;
  /** Of the history, written again. */
  segments: number;
  /** Blobs that were looked at since: for whoever watches. */
  looked?: number;
}

type Progress =
  | { step: 'entries' | 'history'; entries: number; total: number }
  | { step: 'snapshot'; sequenceId: string; blobId: BlobId; entries: number; total: number }
  | Swapped;

/** At most so often, each being an update of the row. */
const RECORD_EVERY_MS = 1_000;

export function eraseHandler(
  logTypes: ReadonlyMap<string, AnyLogType>,
  dependencies: HandlerDependencies & { cache: SnapshotCache },
): UnitHandler {
  const database = inSchema(dependencies.pool, dependencies.schema);
  return {
    workflow: 'erase',
    long: true,
    deadlineMs: 10_000,
    maxAttempts: MAX_ATTEMPTS,
    async run(unit, context) {
      const { logId, sequenceId } = entryOf(unit);
      const logType = logTypeOf(logTypes, unit);
      try {
        const entry = await readEntry(database, logId, sequenceId);
        if (entry?.pending !== 'erase') {
          return {};
        }
        const progress = unit.progress as Progress | null;
        const swapped =
          progress?.step === 'swapped' ? progress : await rewrite(unit, eraserFor(logType, entry, unit), logType, context, dependencies);
        if (swapped === undefined) {
          return {};
        }
        const blobs = await removeErased(unit, swapped, logType, context, dependencies);
        // What others of this process have decoded; other processes let go of it as they need the room.
        dependencies.cache.clear();
        return { result: { entries: swapped.entries, segments: swapped.segments, blobs } };
      } catch (error) {
        if (await isOver(database, unit, error)) {
          return {};
        }
        throw error;
      }
    },
  };
}

const entryOf = ({ entry }: Unit) => entry as { logId: string; sequenceId: SequenceId };

/** @throws InvalidInputError */
function eraserFor(logType: AnyLogType, entry: LogEntry, { entry: at }: Unit): Eraser {
  const eraser = logType.eraserOf?.(entry);
  if (eraser === undefined) {
    throw new InvalidInputError(
      `Entry ${at?.sequenceId} of log '${at?.logId}' ('${entry.type}') says nothing that could be erased. Discard this unit, and append an entry EraseCells to a sheet.`,
    );
  }
  return eraser;
}

/** @returns undefined where the entry asks for no erasure any more */
async function rewrite(
  unit: Unit,
  eraser: Eraser,
  logType: AnyLogType,
  { signal, recordProgress }: UnitContext,
  { pool, schema, blobs, warn }: HandlerDependencies,
): Promise<Swapped | undefined> {
  const { logId, sequenceId } = entryOf(unit);
  const db = inSchema(pool, schema);
  const dir = await blobsToWrite(db, blobs, unit);
  const log = createPostgresEventLog({ pool, logId, pageSize: PAGE_SIZE, schema });
  const before = unit.progress as Progress | null;
  // Of its own: what it decodes is to be forgotten.
  const cache = createSnapshotCache();
  const record = seldom(recordProgress);
  const recordStep = (step: 'entries' | 'history') => (entries: number, total: number) => record({ step, entries, total });

  const { firstSequenceId: first } = await readLog(db, logId);
  const held = await eraseHeldEntries({ db, logId, to: sequenceId, eraser, signal, onProgress: recordStep('entries') });
  const whole = { log: withHistory({ log, blobs: dir, cache }), blobs: dir, logType, sequenceId, eraser, cache, signal };
  const base = await takeErasedBase(whole);
  const newest = await log.lastHistory();
  const archived =
    newest && (await eraseHistory({ blobs: dir, newest, before: sequenceId, eraser, base, signal, onProgress: recordStep('history') }));
  const snapshot = await takeErasedSnapshot({
    ...whole,
    onFallback: warnOfFallback(unit, warn),
    ...(before?.step === 'snapshot' ? { resume: { sequenceId: BigInt(before.sequenceId), blobId: before.blobId } } : {}),
    onProgress: ({ resume, entries, total }) =>
      recordProgress({ step: 'snapshot', sequenceId: resume.sequenceId.toString(), blobId: resume.blobId, entries, total }),
  });
  signal.throwIfAborted();
  const swapped: Swapped = { step: 'swapped', entries: held + (archived?.entries ?? 0), segments: archived?.segments ?? 0 };
  const history = newest && archived ? { at: newest.sequenceId, before: newest.blobId, after: archived.history } : undefined;
  return (await swapErased({ pool, schema, unit, first, snapshot, base, history, progress: swapped })) ? swapped : undefined;
}

/** @returns how many blobs it removed */
async function removeErased(
  unit: Unit,
  swapped: Swapped,
  logType: AnyLogType,
  { signal, recordProgress }: UnitContext,
  { pool, schema, blobs }: HandlerDependencies,
): Promise<number> {
  const { logId } = entryOf(unit);
  const record = seldom(recordProgress);
  let looked = 0;
  const collection = await collectLog({
    pool,
    schema,
    logId,
    blobs: await blobsOfLog(blobs, logId),
    logType,
    // What is kept is not its business.
    retention: { keepSnapshots: MAX_KEEP, keepDays: 0 },
    graceMs: 0,
    patienceMs: 0,
    unit,
    signal,
    async onProgress(count) {
      looked += count;
      await record({ ...swapped, looked });
    },
  });
  const [problem] = collection.problems;
  if (problem !== undefined) {
    throw new TidemarkError(
      'erasure_blocked',
      `Blobs with erased values of log '${logId}' cannot be removed, because it is not known what else is needed: ${problem} Restore that blob, then redrive.`,
    );
  }
  if (collection.postponed) {
    throw new FencedError(unit.id);
  }
  if (collection.waiting > 0) {
    throw new UnavailableError(`${collection.waiting} blobs of log '${logId}' are being removed by somebody else. Looked at again.`);
  }
  await blobs.removeLeftovers?.();
  return collection.removed;
}

function seldom(recordProgress: UnitContext['recordProgress']): (progress: Progress) => Promise<void> {
  let recordedAt = Date.now();
  return async (progress) => {
    if (Date.now() - recordedAt >= RECORD_EVERY_MS) {
      recordedAt = Date.now();
      await recordProgress(progress);
    }
  };
}
