/**
 * What finds work that nothing else would: claims whose lease ran out are taken back by the claim itself; the rest is here.
 *
 * - A running unit without progress for a minute: its execution is described by its id (never by visibility), at growing
 *   intervals; where it is over or unknown, the unit gets a new epoch.
 * - The executions of a part that no worker is left of: terminated, and their units run elsewhere.
 * - A pending entry without a unit, or whose unit ended without clearing it.
 * - Jobs whose time has come, for another attempt or because they were put off: they take their turn.
 * - Units past `expires_at`; finished units beyond what their group keeps; keys without units; messages that nobody waits for.
 * Every finding is counted in `sweep_counter`: 0 where nothing was killed.
 */
import type { Database } from '../postgres/queryable.ts';

export interface SweepOptions {
  /** How long a started unit may be without progress before its execution is looked at, in ms. */
  staleAfterMs: number;
  /** Age of a pending entry without a unit, or of its unit's end, before it is given one, in ms. */
  pendingAfterMs: number;
  /** Whether Temporal still runs this execution. Throws where it cannot say. */
  isRunning: (execution: string) => Promise<boolean>;
  /** Told what a person should know of. */
  report?: (message: string) => void;
}

/** Rows looked at per pass. */
const LIMIT = 500;
const SIDE_BY_SIDE = 10;

export async function sweep(db: Database, options: SweepOptions): Promise<void> {
  await count(db, 'pending_without_unit', `${db.schema}.restore_pending_work($2::integer * interval '1 millisecond', ${LIMIT})`, [
    options.pendingAfterMs,
  ]);
  await db.query(`select ${db.schema}.take_job_turns(${LIMIT * 10})`);
  await count(db, 'expired', `${db.schema}.expire_work(${LIMIT})`);
  await count(db, 'pruned', `${db.schema}.prune_work(${LIMIT * 10})`);
  await db.query(`select ${db.schema}.prune_work_keys(${LIMIT * 10})`);
  await count(db, 'pruned_messages', `${db.schema}.prune_messages(interval '7 days', ${LIMIT * 10})`);
  await db.query(`select ${db.schema}.prune_decisions(${LIMIT * 10}), ${db.schema}.prune_jobs(${LIMIT * 10})`);
  await expireSubscriptions(db, options.report);
  await countUnclaimedWorkflows(db);
  await db.query(`delete from ${db.schema}.work_part where seen_at < clock_timestamp() - interval '1 day'`);
  await db.query(`select ${db.schema}.give_up_parts()`);
  await db.query(`delete from ${db.schema}.open_burst where seen_at < clock_timestamp() - interval '1 minute'`);
  // Last: it fails while Temporal does not answer, and the rest needs no Temporal.
  await sweepExecutions(db, options);
}

async function sweepExecutions(db: Database, { staleAfterMs, isRunning }: SweepOptions): Promise<void> {
  // check_after is a minute after the last sign of life; a shorter interval is for tests.
  const { rows } = await db.query(
    `select distinct execution from ${db.schema}.work
     where state = 'started' and check_after < clock_timestamp() + (60000 - $1::integer) * interval '1 millisecond' limit ${LIMIT}`,
    [staleAfterMs],
  );
  const executions: string[] = rows.map((row) => row.execution);
  for (let at = 0; at < executions.length; at += SIDE_BY_SIDE) {
    await Promise.all(
      executions.slice(at, at + SIDE_BY_SIDE).map(async (execution) => {
        if (await isRunning(execution)) {
          await db.query(
            `update ${db.schema}.work set checks = checks + 1,
               check_after = clock_timestamp() + least(power(2, least(checks, 10)) * 60000, 3600000) * interval '1 millisecond'
             where execution = $1 and state = 'started'`,
            [execution],
          );
        } else {
          // Counted with the change: of several sweeps that find it one renews it.
          await count(db, 'gone_execution', `(select count(*) from ${db.schema}.renew_work($2::text))`, [execution]);
        }
      }),
    );
  }
}

/** Subscriptions that no worker has known for as long as they say, and that have no backlog. */
async function expireSubscriptions(db: Database, report: SweepOptions['report']): Promise<void> {
  const { rows } = await db.query(
    `with expired as materialized (select e.name from ${db.schema}.expire_subscriptions() e (name)), counted as (
       update ${db.schema}.sweep_counter c set value = c.value + s.value from (select count(*) as value from expired) s
       where c.name = 'expired_subscription' and s.value > 0
     )
     select name from expired`,
  );
  for (const { name } of rows) {
    report?.(`Subscription '${name}' was removed: no worker has known it for as long as its expirationPolicy says, and it had no backlog.`);
  }
}

async function count(db: Database, name: string, call: string, values: unknown[] = []): Promise<void> {
  await db.query(
    `with swept as materialized (select ${call} as value)
     update ${db.schema}.sweep_counter c set value = c.value + s.value from swept s where c.name = $1 and s.value > 0`,
    [name, ...values],
  );
}

/** Names that have had claimable units, among the next ones of their group, for ten minutes without a worker that knows them: a counter, not a death. */
async function countUnclaimedWorkflows(db: Database): Promise<void> {
  await db.query(
    `update ${db.schema}.sweep_counter c set value = u.value
     from (
       select count(distinct w.workflow) as value from ${db.schema}.work_group g
       cross join lateral (
         select f.workflow, f.not_before from ${db.schema}.work f where f.state = 'ready' and f.group_name = g.name
         order by f.priority, f.not_before, f.id limit ${LIMIT}
       ) w
       where w.not_before < clock_timestamp() - interval '10 minutes'
         and not exists (select 1 from ${db.schema}.workflow_name n where n.name = w.workflow)
     ) u
     where c.name = 'unclaimed_workflow' and c.value <> u.value`,
  );
}

/** @returns every counter by its name */
export async function sweepCounters(db: Database): Promise<Record<string, number>> {
  const { rows } = await db.query(`select name, value from ${db.schema}.sweep_counter order by name`);
  return Object.fromEntries(rows.map((row) => [row.name, Number(row.value)]));
}
