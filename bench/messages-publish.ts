/** What publishing adds to a transaction: beside one that inserts a row of the same size instead. */
import { z } from 'zod';
import { applySubscriptions } from '../src/messages/apply-subscriptions.ts';
import { defineWorker } from '../src/messages/define-worker.ts';
import { defineTopics } from '../src/messages/topic.ts';
import { createTidemark } from '../src/tidemark.ts';
import type { Environment } from './support/environment.ts';
import { alternate, type Figure, reportedFigure, timed } from './support/figure.ts';

const TRANSACTIONS = 200;
const ROUNDS = 7;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: 4 });
  const { owner, pool, db } = database;
  await owner.query(
    'create table public.fact (id bigint generated always as identity primary key, data json); grant all on public.fact to public',
  );
  const topics = defineTopics({ placed: z.object({ orderId: z.string(), email: z.string() }) });
  const workers = [defineWorker(topics, { topic: 'placed', subscription: 'mail', handler: () => {} })];
  await applySubscriptions(db, workers);
  const tidemark = createTidemark({ db: pool, topics, workers });
  const payload = (n: number) => ({ orderId: `order-${n}`, email: `customer-${n}@example.com` });
  const insert = `insert into public.fact (data) values ($1)`;
  /** Milliseconds a transaction. */
  const each = async (body: (n: number) => Promise<unknown>) => {
    const total = await timed(async () => {
      for (let n = 0; n < TRANSACTIONS; n += 1) await body(n);
    });
    return total / TRANSACTIONS;
  };
  const measured = await alternate({
    rounds: ROUNDS,
    value: () =>
      each((n) =>
        tidemark.transaction(async ({ tx, publish }) => {
          await tx.query(insert, [payload(n)]);
          await publish('placed', payload(n));
        }),
      ),
    baseline: () =>
      each((n) =>
        tidemark.transaction(async ({ tx }) => {
          await tx.query(insert, [payload(n)]);
          await tx.query(insert, [payload(n)]);
        }),
      ),
  });
  await tidemark.close();
  const note = 'one transaction: an insert, and a message to a topic of one subscription; baseline: two inserts';
  return [reportedFigure({ name: 'messages-publish', unit: 'ms', note }, measured)];
}
