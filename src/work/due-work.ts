/** Whether there is anything for a worker to do now: what decides that one is started, or may end. What waits for a later time, or is paused, does not count. */
import type { Database } from '../postgres/queryable.ts';
import type { ClaimScope } from './part.ts';

export interface DueWork {
  /** Units that could be claimed now: at most 10,000 are counted. */
  due: number;
  /** Claimed, started or begun. */
  running: number;
  /** Of those that run: no sign of life for longer than a worker lets pass. Their worker died. */
  abandoned: number;
  /** When the next one that waits for its time could be claimed. */
  nextAt?: Date;
}

const MOST = 10_000;

/** @param scope of the groups that the worker runs; default: of all */
export async function readDueWork(db: Database, { only, except = [] }: ClaimScope = {}): Promise<DueWork> {
  const inScope = '($1::text[] is null or w.group_name = any ($1::text[])) and w.group_name <> all ($2::text[])';
  const { rows } = await db.query(
    `select
       (select count(*)::integer from (
          select 1 from ${db.schema}.work_group g join ${db.schema}.work w on w.group_name = g.name
          where not g.paused and w.state = 'ready' and w.not_before <= clock_timestamp() and ${inScope}
            and w.workflow in (select n.name from ${db.schema}.workflow_name n)
          limit ${MOST}) d) as due,
       r.running, r.abandoned,
       (select min(w.not_before) from ${db.schema}.work_group g join ${db.schema}.work w on w.group_name = g.name
        where not g.paused and w.state = 'ready' and w.not_before > clock_timestamp() and ${inScope}) as next_at
     from (
       select count(*)::integer as running,
         count(*) filter (where case when w.state = 'claimed' then w.lease_until else w.check_after end < clock_timestamp() - interval '5 seconds')::integer as abandoned
       from ${db.schema}.work w where w.state in ('claimed', 'started') and ${inScope}) r`,
    [only ?? null, except],
  );
  const { due, running, abandoned, next_at: nextAt } = rows[0];
  return { due, running, abandoned, ...(nextAt === null ? {} : { nextAt }) };
}
