/**
 * Taking a log's snapshot as a unit of work: `takeSnapshot` with the unit's progress as its place to go on from.
 *
 * A log type that this worker does not know, a corrupt entry, an unreadable snapshot or a fold that throws makes the unit dead;
 * an error of Postgres or the blob store is tried again for ever, one that nobody has foreseen for some hours.
 */

import { InvalidInputError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { readEntry } from '../event-log/read-entry.ts';
import { blobsToWrite } from '../garbage/blobs-to-write.ts';
import { withHistory } from '../history/with-history.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { Unit, UnitHandler } from '../work/unit.ts';
import type { SnapshotCache } from './cache.ts';
import type { SnapshotFallback } from './find-base.ts';
import { takeSnapshot } from './take-snapshot.ts';

export const PAGE_SIZE = 10_000;
/** Of errors that nobody has foreseen, at growing intervals: two hours. Those of Postgres, the disk or the network are not counted. */
export const MAX_ATTEMPTS = 20;

/** How progress is kept in the row. */
interface SnapshotProgress {
  sequenceId: string;
  blobId: string;
  entries: number;
  total: number;
}

export function warnOfFallback({ id }: Unit, warn?: (message: string) => void): (fallback: SnapshotFallback) => void {
  return ({ sequenceId, error }) =>
    warn?.(`${id}: the snapshot at ${sequenceId} cannot be used, an older one and the entries since stood in. ${error.message}`);
}

export function snapshotHandler(
  logTypes: ReadonlyMap<string, AnyLogType>,
  { pool, schema, blobs, cache, warn }: HandlerDependencies & { cache: SnapshotCache },
): UnitHandler {
  const db = inSchema(pool, schema);
  return {
    workflow: 'snapshot',
    deadlineMs: 10_000,
    maxAttempts: MAX_ATTEMPTS,
    async run(unit, { signal, yieldAt, recordProgress }) {
      const { logId, sequenceId } = unit.entry as { logId: string; sequenceId: SequenceId };
      const logType = logTypeOf(logTypes, unit);
      const progress = unit.progress as SnapshotProgress | null;
      try {
        const dir = await blobsToWrite(db, blobs, unit);
        const snapshot = await takeSnapshot({
          log: withHistory({ log: createPostgresEventLog({ pool, logId, pageSize: PAGE_SIZE, schema }), blobs: dir, cache }),
          blobs: dir,
          logType,
          sequenceId,
          cache,
          signal,
          onFallback: warnOfFallback(unit, warn),
          ...(progress ? { resume: { sequenceId: BigInt(progress.sequenceId), blobId: progress.blobId } } : {}),
          async onProgress({ resume, entries, total }) {
            await recordProgress({ sequenceId: resume.sequenceId.toString(), blobId: resume.blobId, entries, total });
            if (yieldAt !== undefined && Date.now() > yieldAt) {
              throw new Yield();
            }
          },
        });
        return { snapshot };
      } catch (error) {
        if (error instanceof Yield) {
          return 'long';
        }
        if (await isOver(db, unit, error)) {
          return {};
        }
        throw error;
      }
    },
  };
}

/** A log's group is its type. @throws InvalidInputError */
export function logTypeOf(logTypes: ReadonlyMap<string, AnyLogType>, { group, entry }: Unit): AnyLogType {
  const logType = logTypes.get(group);
  if (!logType) {
    throw new InvalidInputError(
      `This worker does not know the log type '${group}' of log '${entry?.logId}'. Start one whose app defines it, then redrive.`,
    );
  }
  return logType;
}

/** Truncated or completed by someone else meanwhile: there is nothing left that could fail. */
export async function isOver(db: Database, { entry, workflow }: Unit, error: unknown): Promise<boolean> {
  const { logId, sequenceId } = entry as { logId: string; sequenceId: SequenceId };
  return classifyError(error) === 'fatal' && (await readEntry(db, logId, sequenceId))?.pending !== workflow;
}

/** Unwinds takeSnapshot, or compactLog, at the end of a chunk. */
export class Yield extends Error {}
