/**
 * The options that have to hold across processes, with two workers of which messages kill one again and again, and one that a person pauses:
 * everything is published at once, and each test looks at its own subscription.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applySubscriptions, createTidemark } from '../../src/index.ts';
import { DELIVERY_TABLES, scriptedTopics, scriptedWorkers } from '../support/scripted-workers.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

/** So that few deliveries make a burst. */
const EARLY_BURSTS = { claim: { maxInFlight: 20, burstThreshold: 10, burstSize: 30 } };
const KILLERS = 2;

let fixture: TidemarkFixture;
let publishedAt: Date;
let starts: () => number;

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

beforeAll(async () => {
  fixture = await createTidemarkFixture();
  const { database } = fixture;
  await database.ownerPool.query(DELIVERY_TABLES);
  const workers = scriptedWorkers(database.pool);
  await applySubscriptions(database.db, workers);
  const tidemark = createTidemark({ db: database.pool, topics: scriptedTopics, workers });
  publishedAt = (await database.pool.query('select clock_timestamp() as at')).rows[0].at;
  await tidemark.transaction(async ({ publish }) => {
    for (const n of numbers(30)) await publish('capped', { n, takesMs: 20, ...(n === 10 ? { kills: true } : {}) });
    for (const n of numbers(100)) await publish('wide', { n, takesMs: 20, ...(n === 60 ? { kills: true } : {}) });
    for (const n of numbers(40)) await publish('ordered', { n, fails: n % 7 === 3 ? 2 : 0 }, { orderingKey: `k${n % 4}` });
    for (const n of numbers(25)) await publish('rated', { n });
    for (const n of numbers(3)) await publish('slow', { n, takesMs: 5_000 });
    for (const n of numbers(4)) await publish('buried', { n, fails: n < 2 ? 100 : 2 });
  });
  await tidemark.close();
  ({ starts } = await fixture.supervise(2, EARLY_BURSTS));
  await until(
    'every delivery has ended',
    async () => {
      const { rows } = await database.pool.query(
        `select 1 from tidemark.work where state in ('waiting', 'ready', 'claimed', 'started') limit 1`,
      );
      return rows.length === 0;
    },
    100_000,
  );
}, 120_000);
afterAll(() => fixture?.close());

/** Most attempts that ran at once: of those without an end, to the last sign of their process; of one that was fenced off, to the beginning of the next. */
async function mostAtOnce(subscription: string): Promise<number> {
  const { rows } = await fixture.database.pool.query(
    `with lived as (select pid, max(greatest(began, ended)) as at from public.attempted group by pid),
       span as (
         select a.began, least(coalesce(a.ended, l.at), (
             select min(later.began) from public.attempted later
             where later.subscription = a.subscription and later.n = a.n and later.attempt > a.attempt)) as ended
         from public.attempted a join lived l on l.pid = a.pid where a.subscription = $1
       )
     select max((select count(*) from span other where other.began <= s.began and other.ended > s.began))::integer as most from span s`,
    [subscription],
  );
  return rows[0].most;
}

async function delivered(subscription: string): Promise<{ n: number; ordering_key: string | null; attempt: number }[]> {
  const { rows } = await fixture.database.pool.query(
    'select n, ordering_key, attempt from public.delivered where subscription = $1 order by number',
    [subscription],
  );
  return rows;
}
const inOrder = (rows: { n: number }[]) => rows.map(({ n }) => n).sort((a, b) => a - b);

test('workers were killed on the way', () => {
  expect(starts()).toBeGreaterThanOrEqual(2 + KILLERS);
});

test('maxMessages is never exceeded, and every message takes effect once', async () => {
  expect(inOrder(await delivered('capped'))).toEqual(numbers(30));
  expect(await mostAtOnce('capped')).toBeLessThanOrEqual(3);
  expect(await fixture.load.peak('capped')).toBeLessThanOrEqual(3);
});

test('maxMessages is never exceeded by bursts either', async () => {
  expect(inOrder(await delivered('wide'))).toEqual(numbers(100));
  const { rows } = await fixture.database.pool.query(
    `select count(distinct execution)::integer as bursts from tidemark.work where group_name = 'wide' and execution like '%/burst/%'`,
  );
  expect(rows[0].bursts).toBeGreaterThan(0);
  const most = await mostAtOnce('wide');
  expect(most).toBeLessThanOrEqual(16);
  expect(await fixture.load.peak('wide')).toBeLessThanOrEqual(16);
});

test('the order of each orderingKey is kept through retries and deaths of workers', async () => {
  const rows = await delivered('ordered');
  for (const key of ['k0', 'k1', 'k2', 'k3']) {
    const expected = numbers(40).filter((n) => `k${n % 4}` === key);
    expect(rows.filter(({ ordering_key }) => ordering_key === key).map(({ n }) => n)).toEqual(expected);
  }
  expect(rows.filter(({ n }) => n % 7 === 3).every(({ attempt }) => attempt >= 3)).toBe(true);
});

test('a rateLimit is one for all processes', async () => {
  expect(inOrder(await delivered('rated'))).toEqual(numbers(25));
  const { rows } = await fixture.database.pool.query(`select began from public.attempted where subscription = 'rated' order by began`);
  // Five at once, and twenty more at ten a second.
  expect(rows.at(-1).began.getTime() - publishedAt.getTime()).toBeGreaterThanOrEqual(1_900);
  const { rows: executions } = await fixture.database.pool.query(
    `select 1 from tidemark.work where group_name = 'rated' and execution like '%/burst/%'`,
  );
  expect(executions).toEqual([]);
});

test('an ackDeadlineMs ends an attempt where it runs, and the next one follows', async () => {
  expect(inOrder(await delivered('slow'))).toEqual(numbers(3));
  const { rows } = await fixture.database.pool.query(
    `select extract(epoch from ended - began) * 1000 as ms from public.attempted where subscription = 'slow' and attempt = 1 and ended is not null`,
  );
  for (const { ms } of rows) expect(Number(ms)).toBeLessThan(4_000);
});

test('a message is dead after exactly maxDeliveryAttempts that failed, whichever processes they were in, and is published once on its topic', async () => {
  expect(inOrder(await delivered('buried'))).toEqual([2, 3]);
  const { rows } = await fixture.database.pool.query(
    `select state, failures from tidemark.work where group_name = 'buried' and state = 'dead'`,
  );
  expect(rows).toEqual([
    { state: 'dead', failures: 3 },
    { state: 'dead', failures: 3 },
  ]);
  expect(inOrder(await delivered('grave'))).toEqual([0, 1]);
});
