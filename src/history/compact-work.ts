/**
 * Compacting a log as a unit of work: `compactLog` with the unit's progress as its place to go on from, then the end in one transaction: the
 * archived entries leave the log, the entry gets `snapshot` and `history`, the unit is done. Fenced, all of it is rolled back.
 *
 * Entries that still wait for work of the application's own stay in the log, and what is after them. Errors mean what they mean for a snapshot.
 */

import type { SequenceId } from '../event-log/event-log.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { blobsToWrite } from '../garbage/blobs-to-write.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { isOver, logTypeOf, MAX_ATTEMPTS, PAGE_SIZE, warnOfFallback, Yield } from '../snapshots/snapshot-work.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { UnitHandler } from '../work/unit.ts';
import { compactLog } from './compact-log.ts';
import { storedEntriesInPostgres } from './read-stored-entries.ts';
import { truncateArchived } from './truncate-archived.ts';

/** How progress is kept in the row: the snapshot as a snapshot's unit keeps it, and the history so far. */
interface StoredProgress {
  sequenceId: string;
  blobId: string;
  history?: string;
  entries: number;
  total: number;
}

export function compactHandler(
  logTypes: ReadonlyMap<string, AnyLogType>,
  { pool, schema, blobs, cache, warn }: HandlerDependencies & { cache: SnapshotCache },
): UnitHandler {
  const database = inSchema(pool, schema);
  return {
    workflow: 'compact',
    deadlineMs: 10_000,
    maxAttempts: MAX_ATTEMPTS,
    async run(unit, { signal, yieldAt, db, recordProgress }) {
      const { logId, sequenceId } = unit.entry as { logId: string; sequenceId: SequenceId };
      const logType = logTypeOf(logTypes, unit);
      const progress = unit.progress as StoredProgress | null;
      try {
        const { snapshot, history, start, entries } = await compactLog({
          log: createPostgresEventLog({ pool, logId, pageSize: PAGE_SIZE, schema }),
          blobs: await blobsToWrite(database, blobs, unit),
          logType,
          sequenceId,
          entries: storedEntriesInPostgres(database, logId),
          cache,
          signal,
          onFallback: warnOfFallback(unit, warn),
          resume: progress
            ? {
                snapshot: { sequenceId: BigInt(progress.sequenceId), blobId: progress.blobId },
                ...(progress.history === undefined ? {} : { history: progress.history }),
              }
            : undefined,
          async onProgress({ snapshot: { sequenceId: at, blobId }, ...rest }) {
            await recordProgress({ sequenceId: at.toString(), blobId, ...rest });
            if (yieldAt !== undefined && Date.now() > yieldAt) {
              throw new Yield();
            }
          },
        });
        signal.throwIfAborted();
        const held = await truncateArchived(inSchema(db, schema), logId, sequenceId);
        if (held === undefined) {
          return {};
        }
        const result = { archived: entries, ...(start === undefined ? {} : { historyFrom: start.toString() }), logFrom: held.toString() };
        return { snapshot, ...(history === undefined ? {} : { history }), result };
      } catch (error) {
        if (error instanceof Yield) {
          return 'long';
        }
        if (await isOver(database, unit, error)) {
          return {};
        }
        throw error;
      }
    },
  };
}
