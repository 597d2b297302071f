/**
 * A part: subscriptions that a worker process runs and no other work, on a task queue of its own. Nobody else claims what a live process has to itself;
 * once none has said for a minute that it is alive, everybody does again. Executions that wait for it then are given up: see sweep.ts.
 */
import { createHash } from 'node:crypto';
import type { Database } from '../postgres/queryable.ts';

export interface Part {
  /** The same for the same names, in whatever order. */
  readonly id: string;
  readonly groups: readonly string[];
}

/** What a claim looks at: the groups of one part, or all but some. */
export interface ClaimScope {
  readonly only?: readonly string[];
  readonly except?: readonly string[];
}

export function partOf(groups: readonly string[]): Part {
  const names = [...new Set(groups)].sort();
  return { id: createHash('sha256').update(names.join(' ')).digest('hex').slice(0, 12), groups: names };
}

/** Says that a process of this part is alive. */
export async function holdPart(db: Database, { id, groups }: Part): Promise<void> {
  await db.query(`select ${db.schema}.hold_part($1::text, $2::text[])`, [id, groups]);
}

/** @returns those that a process has to itself now, by the part's id */
export async function liveParts(db: Database): Promise<Set<string>> {
  const { rows } = await db.query(
    `select distinct part from ${db.schema}.work_part where seen_at > clock_timestamp() - ${db.schema}.part_lease()`,
  );
  return new Set(rows.map((row) => row.part));
}

export interface SeenPart {
  part: string;
  subscriptions: string[];
  seenAt: Date;
  /** Whether a process of it runs. Otherwise other workers run these. */
  isLive: boolean;
}

/** Parts that have been seen within a day, for whoever looks after an installation. */
export async function readParts(db: Database): Promise<SeenPart[]> {
  const { rows } = await db.query(
    `select part, array_agg(group_name order by group_name) as groups, max(seen_at) as seen_at,
       max(seen_at) > clock_timestamp() - ${db.schema}.part_lease() as is_live
     from ${db.schema}.work_part group by part order by 2`,
  );
  return rows.map((row) => ({ part: row.part, subscriptions: row.groups, seenAt: row.seen_at, isLive: row.is_live }));
}
