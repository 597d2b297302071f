/**
 * Subscriptions of the scripted application, one for each option that has to hold across processes. A message says what its delivery does; each
 * attempt is recorded at once, with its end where it sees one, each effect with the end of its delivery.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type AnyWorker, defineWorker } from '../../src/messages/define-worker.ts';
import { defineTopics } from '../../src/messages/topic.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';

const task = z.object({
  n: z.number().int(),
  /** Takes so long, in ms. */
  takesMs: z.number().optional(),
  /** Fails in so many attempts. */
  fails: z.number().optional(),
  /** Kills its process once it has done everything but end: the first attempt that gets there. */
  kills: z.boolean().optional(),
});

export const scriptedTopics = defineTopics({ capped: task, wide: task, ordered: task, rated: task, slow: task, buried: task, grave: task });

/** Of each subscription what it is subscribed with. */
const SUBSCRIPTIONS = {
  capped: { maxMessages: 3 },
  wide: { maxMessages: 16 },
  ordered: { enableMessageOrdering: true },
  rated: { rateLimit: { messages: 5, perMs: 500 } },
  slow: { ackDeadlineMs: 300, deadLetter: { maxDeliveryAttempts: 20 } },
  buried: { deadLetter: { maxDeliveryAttempts: 3, topic: 'grave' } },
  grave: {},
} as const satisfies { [NameT in keyof typeof scriptedTopics]: Partial<AnyWorker> };

export const DELIVERY_TABLES = `
  create table public.attempted (
    number bigint generated always as identity, subscription text, n integer, attempt integer, pid integer,
    began timestamptz default clock_timestamp(), ended timestamptz);
  create table public.delivered (number bigint generated always as identity, subscription text, n integer, ordering_key text, attempt integer);
  create table public.killed (subscription text, n integer, primary key (subscription, n));
  grant all on public.attempted, public.delivered, public.killed to tidemark_app`;

/** `pool`: a worker's own, beside the transaction of a delivery. */
export function scriptedWorkers(pool: Queryable): AnyWorker[] {
  const isFirst = async (subscription: string, n: number) =>
    (await pool.query('insert into public.killed values ($1, $2) on conflict do nothing returning n', [subscription, n])).rows.length > 0;
  return Object.entries(SUBSCRIPTIONS).map(([subscription, options]) =>
    defineWorker(scriptedTopics, {
      subscription,
      topic: subscription as keyof typeof SUBSCRIPTIONS,
      retry: { initialMs: 20, maxMs: 100 },
      ...options,
      async handler({ data, orderingKey }, { attempt, db, signal }) {
        const { rows } = await pool.query(
          'insert into public.attempted (subscription, n, attempt, pid) values ($1, $2, $3, $4) returning number',
          [subscription, data.n, attempt, process.pid],
        );
        const ends = () => pool.query('update public.attempted set ended = clock_timestamp() where number = $1', [rows[0].number]);
        try {
          if (data.takesMs !== undefined && (subscription !== 'slow' || attempt === 1)) await delay(data.takesMs, undefined, { signal });
          if (subscription !== 'grave' && attempt <= (data.fails ?? 0)) throw new Error('not yet');
          await db.query('insert into public.delivered (subscription, n, ordering_key, attempt) values ($1, $2, $3, $4)', [
            subscription,
            data.n,
            orderingKey ?? null,
            attempt,
          ]);
          if (data.kills && (await isFirst(subscription, data.n))) process.kill(process.pid, 'SIGKILL');
        } finally {
          await ends();
        }
      },
    }),
  );
}
