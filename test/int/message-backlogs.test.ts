/** Subscriptions beside each other: a backlog of one is not in the way of another. With the database, without Temporal. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { applySubscriptions, createTidemark, defineTopics, defineWorker, type MessageContext, NonRetryableError } from '../../src/index.ts';
import { unitHandlers } from '../../src/registry.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { type Claim, claimWork, markStarted } from '../../src/work/claim.ts';
import type { HandlerDependencies } from '../../src/work/handler-dependencies.ts';
import { DEFAULT_CLAIM_OPTIONS } from '../../src/work/loop.ts';
import { runBurst } from '../../src/work/run-burst.ts';
import { findHandlers } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const topics = defineTopics({
  deep: z.object({ n: z.number() }),
  shallow: z.object({ n: z.number() }),
  capped: z.object({ n: z.number() }),
});
let database: TestDatabase;
let handle: (n: number, context: MessageContext) => unknown = () => {};
const workers = (['deep', 'shallow', 'capped'] as const).map((name) =>
  defineWorker(topics, {
    topic: name,
    subscription: name,
    ...(name === 'capped' ? { maxMessages: 8 } : {}),
    retry: { initialMs: 0 },
    deadLetter: { maxDeliveryAttempts: 2 },
    handler: ({ data }, context) => handle(data.n, context),
  }),
);

let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, topics, workers });

beforeAll(async () => {
  database = await createTestDatabase();
  tidemark = create();
  await applySubscriptions(database.db, workers);
});
beforeEach(async () => {
  handle = () => {};
  await database.ownerPool.query('delete from tidemark.work; delete from tidemark.message');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const publish = (topic: string, count: number) =>
  database.pool.query(`select tidemark.publish_message($1, json_build_object('n', n)) from generate_series(1, $2::integer) n`, [
    topic,
    count,
  ]);
/** What a starter does. */
async function claim(): Promise<Claim> {
  const claimed = await claimWork(database.db, DEFAULT_CLAIM_OPTIONS);
  await markStarted(
    database.db,
    claimed.token,
    claimed.executions.map(({ execution }) => execution),
  );
  return claimed;
}
const burstsOf = ({ executions }: Claim) => executions.flatMap(({ group, burst }) => (burst ? [{ group, units: burst.units }] : []));

test('one message is claimed at once beside a backlog of another subscription, which takes all its bursts', async () => {
  await publish('deep', 2_000);
  expect(burstsOf(await claim())).toEqual(Array.from({ length: 4 }, () => ({ group: 'deep', units: 100 })));
  await publish('shallow', 1);
  const next = await claim();
  expect(next.executions.map(({ group, unit }) => [group, unit !== undefined])).toEqual([['shallow', true]]);
});

test('a backlog gets a burst though those of another subscription take all there are, and no second one', async () => {
  await publish('deep', 2_000);
  expect(burstsOf(await claim())).toHaveLength(4);
  await publish('shallow', 250);
  expect(burstsOf(await claim())).toEqual([{ group: 'shallow', units: 100 }]);
  expect((await claim()).units).toBe(0);
});

test('a subscription whose maxMessages leaves room for one burst gets one, and no messages alone beside it', async () => {
  await publish('capped', 1_000);
  expect(burstsOf(await claim())).toEqual([{ group: 'capped', units: 100 }]);
  expect((await claim()).units).toBe(0);
});

/** As the activity of its execution does. */
async function runClaimedBurst(log?: HandlerDependencies['log']) {
  const burst = (await claim()).executions.find((execution) => execution.burst)?.burst;
  return runBurst(burst?.id as string, {
    pool: database.pool,
    schema: 'tidemark',
    handlerOf: findHandlers(
      unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs: createMemoryBlobStore(), log }),
    ),
    signal: new AbortController().signal,
    width: 8,
    unitBudgetMs: 5_000,
  });
}

test('of a burst each message ends by itself, also where many end at once: one that is fenced off holds up no other', async () => {
  await publish('deep', 100);
  let handled = 0;
  handle = async (n) => {
    handled += 1;
    if (n % 10 === 0) {
      await database.ownerPool.query(
        `update tidemark.work w set fence = gen_random_uuid() from tidemark.message m
         where m.id = tidemark.delivery_message_id(w.id) and (m.data ->> 'n')::integer = $1`,
        [n],
      );
    }
  };
  const counts = await runClaimedBurst();
  expect(handled).toBe(100);
  expect(counts).toEqual({ finished: 90, released: 0 });
  const { rows } = await database.pool.query('select state, count(*)::integer as units from tidemark.work group by 1 order by 1');
  expect(rows).toEqual([
    { state: 'done', units: 90 },
    { state: 'started', units: 10 },
  ]);
});

test.each([
  ['a deadlock', '40P01'],
  ['a serialization failure', '40001'],
])('a delivery that always meets %s leaves its burst, so that the others are done; alone it counts, until it is dead', async (_, code) => {
  await publish('deep', 100);
  handle = async (n, { db }) => {
    if (n === 10) await db.query(`do $$ begin raise exception 'given up for another' using errcode = '${code}'; end $$`);
  };
  expect(await runClaimedBurst()).toEqual({ finished: 99, released: 1 });
  const left = () =>
    database.pool.query(`select state, alone, attempt, failures, error ->> 'code' as code from tidemark.work where state <> 'done'`);
  expect((await left()).rows).toEqual([{ state: 'ready', alone: true, attempt: 1, failures: 0, code }]);
  await runUntilIdle(tidemark);
  expect((await left()).rows).toEqual([{ state: 'dead', alone: true, attempt: 3, failures: 2, code }]);
});

test('an attempt that fails is a line of the log, with its message, subscription, attempt and error', async () => {
  await publish('deep', 100);
  const lines: [string, string, Record<string, unknown>][] = [];
  const refused = new Error('no such customer');
  handle = (n) => {
    if (n === 10) throw new NonRetryableError('gone for good');
    if (n === 20) throw refused;
  };
  await runClaimedBurst((...line) => lines.push(line));
  const { rows } = await database.pool.query(
    `select id::text from tidemark.message where (data ->> 'n')::integer in (10, 20) order by (data ->> 'n')::integer`,
  );
  const of = (messageId: string) => ({ messageId, subscription: 'deep', attempt: 1, error: expect.any(Error) });
  expect(lines.sort()).toEqual([
    ['error', 'Is dead: gone for good', of(rows[0].id)],
    ['warn', 'Failed, and is tried again in 0 ms: no such customer', { ...of(rows[1].id), error: refused }],
  ]);
});
