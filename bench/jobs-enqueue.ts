/** What enqueueing a job adds to a transaction: beside one that inserts a row of the same size instead. */
import { z } from 'zod';
import { defineJob } from '../src/jobs/define-job.ts';
import { createTidemark } from '../src/tidemark.ts';
import type { Environment } from './support/environment.ts';
import { alternate, type Figure, reportedFigure, timed } from './support/figure.ts';

const TRANSACTIONS = 200;
const ROUNDS = 7;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const { owner, pool } = await environment.database({ connections: 4 });
  await owner.query(
    'create table public.fact (id bigint generated always as identity primary key, data json); grant all on public.fact to public',
  );
  const report = defineJob({ name: 'report', input: z.object({ orderId: z.string(), email: z.string() }), handler: () => {} });
  const tidemark = createTidemark({ db: pool, jobs: [report], useJobs: true });
  const input = (n: number) => ({ orderId: `order-${n}`, email: `customer-${n}@example.com` });
  const insert = 'insert into public.fact (data) values ($1)';
  /** Milliseconds a transaction. */
  const each = async (body: (n: number) => Promise<unknown>) => {
    const total = await timed(async () => {
      for (let n = 0; n < TRANSACTIONS; n += 1) await body(n);
    });
    return total / TRANSACTIONS;
  };
  const enqueued = (options: (n: number) => object) => () =>
    each((n) =>
      tidemark.transaction(async ({ tx, enqueue }) => {
        await tx.query(insert, [input(n)]);
        await enqueue(report, input(n), options(n));
      }),
    );
  const baseline = () =>
    each((n) =>
      tidemark.transaction(async ({ tx }) => {
        await tx.query(insert, [input(n)]);
        await tx.query(insert, [input(n)]);
      }),
    );
  let ids = 0;
  const plain = await alternate({ rounds: ROUNDS, value: enqueued(() => ({})), baseline });
  const withId = await alternate({ rounds: ROUNDS, value: enqueued(() => ({ id: `order/${ids++}` })), baseline });
  await tidemark.close();
  const beside = (name: string, what: string) => ({
    name,
    unit: 'ms',
    note: `one transaction: an insert, and ${what}; baseline: two inserts`,
  });
  return [
    reportedFigure(beside('jobs-enqueue', 'a job'), plain),
    reportedFigure(beside('jobs-enqueue-id', "a job with an id of the caller's"), withId),
  ];
}
