/**
 * Taking a log's snapshot as a unit of work: `takeSnapshot` with the unit's progress as its place to go on from.
 *
 * A log type that this worker does not know, a corrupt entry, an unreadable snapshot or a fold that throws makes the unit dead;
 * an error of Postgres or the blob store is tried again for ever, one that nobody has foreseen for some hours.
 */

import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { InvalidInputError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { readEntry } from '../event-log/read-entry.ts';
import { inSchema } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { UnitHandler } from '../work/unit.ts';
import { createSnapshotCache } from './cache.ts';
import { takeSnapshot } from './take-snapshot.ts';

const PAGE_SIZE = 10_000;
/** Of errors that nobody has foreseen, at growing intervals: two hours. Those of Postgres, the disk or the network are not counted. */
const MAX_ATTEMPTS = 20;

/** How progress is kept in the row. */
interface SnapshotProgress {
  sequenceId: string;
  blobId: string;
  entries: number;
  total: number;
}

export function snapshotHandler(
  logTypes: ReadonlyMap<string, AnyLogType>,
  { pool, schema, blobs, cacheBytes, warn }: HandlerDependencies,
): UnitHandler {
  const cache = createSnapshotCache(cacheBytes === undefined ? {} : { maxBytes: cacheBytes });
  const db = inSchema(pool, schema);
  return {
    workflow: 'snapshot',
    deadlineMs: 10_000,
    maxAttempts: MAX_ATTEMPTS,
    async run(unit, { signal, yieldAt, recordProgress }) {
      const { logId, sequenceId } = unit.entry as { logId: string; sequenceId: SequenceId };
      // A log's group is its type.
      const logType = logTypes.get(unit.group);
      if (!logType) {
        throw new InvalidInputError(
          `This worker does not know the log type '${unit.group}' of log '${logId}'. Start one whose app defines it, then redrive.`,
        );
      }
      const progress = unit.progress as SnapshotProgress | null;
      try {
        const snapshot = await takeSnapshot({
          log: createPostgresEventLog({ pool, logId, pageSize: PAGE_SIZE, schema }),
          blobs: await blobsOfLog(blobs, logId),
          logType,
          sequenceId,
          cache,
          signal,
          onFallback: ({ sequenceId: at, error }) =>
            warn?.(
              `snapshot/${logId}/${sequenceId}: the snapshot at ${at} cannot be used, an older one and the entries since stood in. ${error.message}`,
            ),
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
        // Truncated or completed by someone else meanwhile: there is nothing left that could fail.
        if (classifyError(error) === 'fatal' && (await readEntry(db, logId, sequenceId))?.pending !== unit.workflow) {
          return {};
        }
        throw error;
      }
    },
  };
}

/** Unwinds takeSnapshot at the end of a chunk. */
class Yield extends Error {}
