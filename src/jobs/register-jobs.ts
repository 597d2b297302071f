/** What the registry says of its jobs is told to the database by each worker that starts: caps, rates, and how many that have ended are kept. */
import type { Database } from '../postgres/queryable.ts';
import type { JobDefaults } from '../settings/job-settings.ts';
import { type AnyJob, DEFAULT_KEEP } from './define-job.ts';

export async function registerJobs(db: Database, jobs: Iterable<AnyJob>, defaults: JobDefaults = {}): Promise<void> {
  const settings = [...jobs].map(({ name, concurrency, rateLimit, keep = {} }) => ({
    name,
    cap: concurrency ?? null,
    keep_finished: keep.completed ?? defaults.keepCompleted ?? DEFAULT_KEEP.completed,
    keep_dead: keep.failed ?? defaults.keepFailed ?? DEFAULT_KEEP.failed,
    rate_units: rateLimit?.jobs ?? null,
    rate_per_ms: rateLimit?.perMs ?? null,
  }));
  if (settings.length === 0) {
    return;
  }
  await db.query(
    `insert into ${db.schema}.work_group as g (name, cap, keep_finished, keep_dead, rate_units, rate_per)
     select j.name, j.cap, j.keep_finished, j.keep_dead, j.rate_units, j.rate_per_ms * interval '1 millisecond'
     from json_to_recordset($1::json) j (name text, cap integer, keep_finished integer, keep_dead integer, rate_units integer, rate_per_ms bigint)
     order by j.name
     on conflict (name) do update set cap = excluded.cap, keep_finished = excluded.keep_finished, keep_dead = excluded.keep_dead,
       rate_units = excluded.rate_units, rate_per = excluded.rate_per
       where (g.cap, g.keep_finished, g.keep_dead, g.rate_units, g.rate_per)
         is distinct from (excluded.cap, excluded.keep_finished, excluded.keep_dead, excluded.rate_units, excluded.rate_per)`,
    [JSON.stringify(settings)],
  );
}
