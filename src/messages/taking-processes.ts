/**
 * Which subscriptions the worker processes that run now take: each says so at its start, every ten seconds, and no more once it has stopped. One that was
 * killed counts for a minute more. For people and `tidemark doctor`: no delivery depends on it, so an error is a warning.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../postgres/queryable.ts';

const SAY_EVERY_MS = 10_000;

/** This process takes these. @returns says that it does no more; never throws */
export async function takeSubscriptions(
  db: Database,
  subscriptions: readonly string[],
  warn: (message: string) => void,
): Promise<() => Promise<void>> {
  const id = randomUUID();
  const say = () => db.query(`select ${db.schema}.say_worker_process($1::uuid, $2::text[])`, [id, subscriptions]);
  const failed = (error: Error) => warn(`worker process: ${error.message}`);
  await say();
  let saying: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    saying = say().catch(failed);
  }, SAY_EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await saying;
    await db.query(`delete from ${db.schema}.worker_process where id = $1::uuid`, [id]).catch(failed);
  };
}

/** Of those that anybody takes: how many processes do. */
export async function countTakingProcesses(db: Database): Promise<Map<string, number>> {
  const { rows } = await db.query(
    `select name, count(*)::integer as processes from ${db.schema}.worker_process p, unnest(p.subscriptions) name
     where p.seen_at > clock_timestamp() - ${db.schema}.part_lease() group by name`,
  );
  return new Map(rows.map((row) => [row.name, row.processes]));
}
