/** How much work there is and how old the oldest of it is, per group: what tells that a group is stuck. */
import type { Database } from '../postgres/queryable.ts';
import { type ShownState, selectionSql, type WorkSelection } from './select.ts';
import { sweepCounters } from './sweep.ts';

export interface GroupStats {
  group: string;
  depth: Record<ShownState, number>;
  /** Units that wait for a time of theirs that has not come; part of `depth.waiting`. */
  scheduled: number;
  /** Since the oldest waiting unit could have run; absent where none waits. */
  oldestWaitingMs?: number;
  /** Since the oldest running unit last began; absent where none runs. */
  oldestRunningMs?: number;
  /** Since any of the running units last began or got further: where it grows, no worker is there. Absent where none runs. */
  lastSignMs?: number;
  paused: boolean;
}

export interface WorkStats {
  groups: GroupStats[];
  /** What the sweep has found since the installation; 0 where nothing was killed. Of logs alone: nothing, it is of all of them. */
  sweep: Record<string, number>;
}

/** @param selection `group`: of this group only; `logPrefixes`: units of these logs only, and groups that have one */
export async function workStats(
  db: Database,
  { group, logPrefixes }: Pick<WorkSelection, 'group' | 'logPrefixes'> = {},
): Promise<WorkStats> {
  const { condition, values } = selectionSql(logPrefixes ? { logPrefixes } : {});
  const name = `$${values.push(group ?? null)}::text`;
  const units = (states: string) => `from ${db.schema}.work w where w.group_name = g.name and w.state ${states} and ${condition}`;
  // Each count by the index of its state, which is small next to the table. Only what has a key waits behind one: said for its index.
  const { rows } = await db.query(
    `select g.name, g.paused, w.*, r.*, f.*
     from ${db.schema}.work_group g
     cross join lateral (
       select sum(s.units)::integer as waiting, sum(s.scheduled)::integer as scheduled,
         extract(epoch from clock_timestamp() - min(s.oldest))::float8 * 1000 as oldest_waiting_ms
       from (
         ${["= 'ready'", "= 'waiting' and w.ordering_key is not null"]
           .map(
             (state) => `select count(*) as units, count(*) filter (where w.not_before > clock_timestamp()) as scheduled,
               min(w.not_before) filter (where w.not_before <= clock_timestamp()) as oldest ${units(state)}`,
           )
           .join(' union all ')}
       ) s
     ) w
     cross join lateral (
       select count(*)::integer as running,
         extract(epoch from clock_timestamp() - min(coalesce(w.begun_at, w.not_before)))::float8 * 1000 as oldest_running_ms,
         -- Whoever begins a unit, or gets further with it, has it looked at in a minute.
         extract(epoch from clock_timestamp() - max(coalesce(
           case when w.checks = 0 then w.check_after - interval '1 minute' end, w.begun_at, w.not_before)))::float8 * 1000 as last_sign_ms
       ${units("in ('claimed', 'started')")}
     ) r
     cross join lateral (
       select count(*)::integer as finished,
         ${['dead', 'cancelled', 'expired'].map((state) => `(select count(*)::integer ${units(`= '${state}'`)}) as ${state}`).join(', ')}
       ${units("in ('done', 'cancelled', 'expired')")}
     ) f
     where ${name} is null or g.name = ${name}
     order by g.name`,
    values,
  );
  const groups = rows.map(
    ({ waiting, running, finished, dead, cancelled, expired, ...row }): GroupStats => ({
      group: row.name,
      depth: { waiting, running, done: finished - cancelled - expired, dead, cancelled, expired },
      scheduled: row.scheduled,
      ...(row.oldest_waiting_ms === null ? {} : { oldestWaitingMs: Math.round(row.oldest_waiting_ms) }),
      ...(row.oldest_running_ms === null ? {} : { oldestRunningMs: Math.round(Math.max(row.oldest_running_ms, 0)) }),
      ...(row.last_sign_ms === null ? {} : { lastSignMs: Math.round(Math.max(row.last_sign_ms, 0)) }),
      paused: row.paused,
    }),
  );
  return logPrefixes === undefined
    ? { groups, sweep: await sweepCounters(db) }
    : { groups: groups.filter(({ depth }) => Object.values(depth).some((units) => units > 0)), sweep: {} };
}
