/** Subscriptions as a person looks at them: what they are, how much each has to do, and whether it does it. */
import type { Database } from '../postgres/queryable.ts';
import { type GroupStats, workStats } from '../work/stats.ts';
import { countTakingProcesses } from './taking-processes.ts';

export interface ListedSubscription {
  name: string;
  topic: string;
  paused: boolean;
  /** False: it gets nothing new. */
  enabled: boolean;
  ordered: boolean;
  /** At most so many at once. */
  maxMessages?: number;
  onPoison: 'block' | 'skip';
  messageTtlMs?: number;
  deadLetterTopic?: string;
  /** Without a worker that knows it, and without a backlog, it is removed after so long. */
  expirationMs?: number;
  /** Worker processes that run and take it: see taking-processes.ts. */
  processes: number;
  /** When it was applied last, or a worker that knows it said so. */
  usedAt: Date;
  createdAt: Date;
  /** Deliveries by state. */
  depth: GroupStats['depth'];
  /** Of those waiting, the ones whose time has not come. */
  scheduled: number;
  /** Since the oldest waiting delivery could have run. */
  oldestWaitingMs?: number;
}

/** By name. @param name of one only */
export async function listSubscriptions(db: Database, name?: string): Promise<ListedSubscription[]> {
  const [{ rows }, { groups }, processes] = await Promise.all([
    db.query(
      `select s.name, s.topic, s.enabled, s.ordered, s.dead_letter_topic, s.used_at, s.created_at, g.cap, g.on_dead,
         extract(epoch from s.ttl)::float8 * 1000 as ttl_ms, extract(epoch from s.expires_after)::float8 * 1000 as expires_after_ms
       from ${db.schema}.subscription s join ${db.schema}.work_group g on g.name = s.name
       where $1::text is null or s.name = $1::text order by s.name`,
      [name ?? null],
    ),
    workStats(db, name === undefined ? {} : { group: name }),
    countTakingProcesses(db),
  ]);
  const statsOf = new Map(groups.map((group) => [group.group, group]));
  return rows.flatMap((row): ListedSubscription[] => {
    const stats = statsOf.get(row.name);
    // Applied between the two looks.
    if (stats === undefined) return [];
    return [
      {
        name: row.name,
        topic: row.topic,
        paused: stats.paused,
        enabled: row.enabled,
        ordered: row.ordered,
        onPoison: row.on_dead === 'block' ? 'block' : 'skip',
        ...(row.cap === null ? {} : { maxMessages: row.cap }),
        ...(row.ttl_ms === null ? {} : { messageTtlMs: row.ttl_ms }),
        ...(row.dead_letter_topic === null ? {} : { deadLetterTopic: row.dead_letter_topic }),
        ...(row.expires_after_ms === null ? {} : { expirationMs: row.expires_after_ms }),
        processes: processes.get(row.name) ?? 0,
        usedAt: row.used_at,
        createdAt: row.created_at,
        depth: stats.depth,
        scheduled: stats.scheduled,
        ...(stats.oldestWaitingMs === undefined ? {} : { oldestWaitingMs: stats.oldestWaitingMs }),
      },
    ];
  });
}
