/**
 * Garbage collection as a unit of work, `job/collect-garbage/<when>`: goes on where an earlier attempt was, and leaves its report as its result.
 *
 * Data that is lost is said aloud: a counter (`missing_blob`), and a line in the worker's log.
 */
import type { AnyLogType } from '../event-log/log-type.ts';
import type { SystemJob } from '../jobs/system-jobs.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import { collectGarbage, type GarbageProgress } from './collect-garbage.ts';
import { garbageWarnings } from './garbage-warnings.ts';

export const COLLECT_GARBAGE = 'collect-garbage';

/** How the unit says what it is to do. */
export interface CollectGarbageInput {
  graceMs?: number;
}

/** At most so often, each being an update of the row. */
const RECORD_EVERY_MS = 500;

export function collectGarbageJob(
  logTypes: ReadonlyMap<string, AnyLogType>,
  { pool, schema, blobs, cacheBytes, warn = () => {} }: HandlerDependencies,
): SystemJob {
  return {
    name: COLLECT_GARBAGE,
    async run(unit, { signal, recordProgress }) {
      const { graceMs } = (unit.input ?? {}) as CollectGarbageInput;
      let recordedAt = Date.now();
      const report = await collectGarbage({
        pool,
        schema,
        blobs,
        logTypes,
        graceMs,
        cacheBytes,
        signal,
        resume: (unit.progress as GarbageProgress | null) ?? undefined,
        async onProgress(progress) {
          if (Date.now() - recordedAt >= RECORD_EVERY_MS) {
            recordedAt = Date.now();
            await recordProgress(progress);
          }
        },
      });
      await countMissing(inSchema(pool, schema), report.missing.count);
      for (const warning of garbageWarnings(report)) {
        warn(warning);
      }
      return { result: report };
    },
  };
}

/** As many as the last collection of all logs has found: 0 again when they are back, or nothing refers to them any more. */
async function countMissing(db: Database, count: number): Promise<void> {
  await db.query(`update ${db.schema}.sweep_counter set value = $1::bigint where name = 'missing_blob' and value <> $1::bigint`, [count]);
}
