/** How much work there is and how old the oldest of it is, per group: what tells that a group is stuck. */
import type { Database } from '../postgres/queryable.ts';
import type { ShownState } from './select.ts';
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
  paused: boolean;
}

export interface WorkStats {
  groups: GroupStats[];
  /** What the sweep has found since the installation; 0 where nothing was killed. */
  sweep: Record<string, number>;
}

/** @param group of this group only */
export async function workStats(db: Database, group?: string): Promise<WorkStats> {
  const { rows } = await db.query(
    `select g.name, g.paused,
       count(*) filter (where w.state in ('waiting', 'ready'))::integer as waiting,
       count(*) filter (where w.state in ('claimed', 'started'))::integer as running,
       count(*) filter (where w.state = 'done')::integer as done,
       count(*) filter (where w.state = 'dead')::integer as dead,
       count(*) filter (where w.state = 'cancelled')::integer as cancelled,
       count(*) filter (where w.state = 'expired')::integer as expired,
       count(*) filter (where w.state in ('waiting', 'ready') and w.not_before > clock_timestamp())::integer as scheduled,
       extract(epoch from clock_timestamp() - min(w.not_before)
         filter (where w.state in ('waiting', 'ready') and w.not_before <= clock_timestamp()))::float8 * 1000 as oldest_waiting_ms,
       extract(epoch from clock_timestamp() - min(coalesce(w.begun_at, w.not_before))
         filter (where w.state in ('claimed', 'started')))::float8 * 1000 as oldest_running_ms
     from ${db.schema}.work_group g left join ${db.schema}.work w on w.group_name = g.name
     where $1::text is null or g.name = $1::text
     group by g.name, g.paused
     order by g.name`,
    [group ?? null],
  );
  const groups = rows.map(
    ({ waiting, running, done, dead, cancelled, expired, ...row }): GroupStats => ({
      group: row.name,
      depth: { waiting, running, done, dead, cancelled, expired },
      scheduled: row.scheduled,
      ...(row.oldest_waiting_ms === null ? {} : { oldestWaitingMs: Math.round(row.oldest_waiting_ms) }),
      ...(row.oldest_running_ms === null ? {} : { oldestRunningMs: Math.round(Math.max(row.oldest_running_ms, 0)) }),
      paused: row.paused,
    }),
  );
  return { groups, sweep: await sweepCounters(db) };
}
