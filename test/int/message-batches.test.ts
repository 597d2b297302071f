/** A worker that takes many messages at once: with its database, without Temporal. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  applySubscriptions,
  type BatchContext,
  type BatchMessage,
  createTidemark,
  defineTopics,
  defineWorker,
  InvalidInputError,
  NonRetryableError,
  planSubscriptions,
  triggerTypedEvent,
} from '../../src/index.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { unitHandlers } from '../../src/registry.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { type ClaimedExecution, claimWork, markStarted } from '../../src/work/claim.ts';
import type { HandlerDependencies } from '../../src/work/handler-dependencies.ts';
import { DEFAULT_CLAIM_OPTIONS } from '../../src/work/loop.ts';
import { runBurst } from '../../src/work/run-burst.ts';
import { findHandlers } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const topics = defineTopics({ row: z.object({ n: z.number().int() }) });
type Row = { n: number };

let database: TestDatabase;
let handle: (messages: BatchMessage<Row>[], context: BatchContext) => unknown = () => {};
/** What the handler got, call by call. */
const got: number[][] = [];
const index = defineWorker(topics, {
  topic: 'row',
  subscription: 'index',
  batch: { max: 10, waitMs: 0 },
  maxMessages: 20,
  retry: { initialMs: 0 },
  deadLetter: { maxDeliveryAttempts: 3 },
  handler: async (messages, context) => {
    got.push(messages.map(({ data }) => data.n));
    await handle(messages, context);
  },
});
let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, topics, workers: [index] });

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query('create table public.effect (n integer); grant all on public.effect to public');
  tidemark = create();
});
beforeEach(async () => {
  got.length = 0;
  handle = () => {};
  await database.ownerPool.query('truncate public.effect; delete from tidemark.work; delete from tidemark.message');
  await applySubscriptions(database.db, [index]);
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const publish = (...numbers: number[]) =>
  tidemark.transaction(async (transaction) => {
    for (const n of numbers) await transaction.publish('row', { n });
  });
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const effects = async () => (await database.pool.query('select n from public.effect order by n')).rows.map(({ n }) => n);
const states = async () =>
  (
    await database.pool.query(
      `select (m.data ->> 'n')::integer as n, w.state, w.attempt, w.failures, w.error ->> 'message' as error
       from tidemark.work w join tidemark.message m on m.id = tidemark.delivery_message_id(w.id) order by 1`,
    )
  ).rows;
const claim = () => claimWork(database.db, DEFAULT_CLAIM_OPTIONS);
const batchesOf = (executions: ClaimedExecution[]) => executions.flatMap(({ burst }) => (burst ? [burst] : []));
const write = async (messages: BatchMessage<Row>[], { db }: BatchContext) => {
  await db.query('insert into public.effect select unnest($1::integer[])', [messages.map(({ data }) => data.n)]);
};
/** As the activity of its execution does. */
const runBatchOf = (burstId: string, signal = new AbortController().signal, log?: HandlerDependencies['log']) =>
  runBurst(burstId, {
    pool: database.pool,
    schema: 'tidemark',
    handlerOf: findHandlers(
      unitHandlers(tidemark.registry, {
        pool: database.pool,
        schema: 'tidemark',
        blobs: { getRootDir: () => Promise.reject(new Error()) },
        log,
      }),
    ),
    signal,
    width: 8,
    unitBudgetMs: 1_000,
  });

describe('a worker with batch', () => {
  test('gets as many messages as there are in one call, at most max, and ends each', async () => {
    handle = write;
    await publish(...upTo(24));
    await runUntilIdle(tidemark);
    expect(got.map((numbers) => numbers.length).sort()).toEqual([10, 10, 4]);
    expect(got.flat().sort((a, b) => a - b)).toEqual(upTo(24));
    expect(await effects()).toEqual(upTo(24));
    expect(new Set((await states()).map(({ state, attempt }) => `${state} ${attempt}`))).toEqual(new Set(['done 1']));
  });

  test('may fail single messages: those go on alone, the others end with what it wrote', async () => {
    handle = async (messages, context) => {
      const good = messages.filter(({ data: { n }, attempt }) => n !== 3 && (n !== 5 || attempt > 1));
      for (const message of messages.filter((one) => !good.includes(one))) context.fail(message, new Error(`no ${message.data.n}`));
      await write(good, context);
    };
    await publish(...upTo(8));
    await runUntilIdle(tidemark);
    expect(await effects()).toEqual([0, 1, 2, 4, 5, 6, 7]);
    expect(got[0]).toHaveLength(8);
    expect(got.slice(1).sort()).toEqual([[3], [3], [5]]);
    expect((await states()).filter(({ attempt }) => attempt > 1)).toEqual([
      { n: 3, state: 'dead', attempt: 3, failures: 3, error: 'no 3' },
      { n: 5, state: 'done', attempt: 2, failures: 1, error: null },
    ]);
  });

  test('that throws fails none of them: each goes on alone, where its own attempts count', async () => {
    handle = async (messages, context) => {
      await write(messages, context);
      if (messages.some(({ data }) => data.n === 2)) throw new Error('two');
    };
    await publish(0, 1, 2, 3);
    await runUntilIdle(tidemark);
    expect(got.map((numbers) => numbers.length)).toEqual([4, 1, 1, 1, 1, 1, 1]);
    expect(await effects()).toEqual([0, 1, 3]);
    expect((await states()).map(({ n, state, failures }) => [n, state, failures])).toEqual([
      [0, 'done', 0],
      [1, 'done', 0],
      [2, 'dead', 3],
      [3, 'done', 0],
    ]);
  });

  test('has what cannot succeed dead at once: an error that says so, and a payload that its topic cannot read', async () => {
    handle = (messages, { fail }) => {
      for (const message of messages) if (message.data.n === 1) fail(message, new NonRetryableError('gone'));
    };
    await publish(0, 1, 2);
    await database.ownerPool.query(`update tidemark.message set data = '{"n": 2.5}' where data ->> 'n' = '2'`);
    await runUntilIdle(tidemark);
    expect(got.map((numbers) => [...numbers].sort())).toEqual([[0, 1]]);
    const { rows } = await database.pool.query('select state, attempt from tidemark.work order by id');
    expect(rows).toEqual([
      { state: 'done', attempt: 1 },
      { state: 'dead', attempt: 1 },
      { state: 'dead', attempt: 1 },
    ]);
  });

  test('has the messages of an effect in a transaction of its own once each, whatever comes again', async () => {
    let calls = 0;
    handle = async (messages, { once }) => {
      await tidemark.transaction(async ({ tx }) => {
        for (const { data } of await once(tx, messages)) await tx.query('insert into public.effect values ($1)', [data.n]);
      });
      calls += 1;
      if (calls === 1) throw new Error('after the effect');
    };
    await publish(0, 1, 2);
    await runUntilIdle(tidemark);
    expect(calls).toBe(4);
    expect(await effects()).toEqual([0, 1, 2]);
  });

  test('publishes in its transaction what is triggered with its db', async () => {
    handle = async (messages, { db }) => {
      if (messages.some(({ data }) => data.n === 1)) await triggerTypedEvent(db, 'row', { n: 7 });
    };
    await publish(1, 2);
    await runUntilIdle(tidemark);
    expect(got).toEqual([[1, 2], [7]]);
  });

  test('is told where fail() gets no message of the batch', async () => {
    handle = (_, { fail }) => fail({} as BatchMessage, new Error('x'));
    await publish(0);
    const { executions } = await claim();
    await runBatchOf(batchesOf(executions)[0]?.id as string);
    expect((await states())[0]).toMatchObject({ state: 'ready', failures: 0, error: expect.stringContaining('was given no message') });
  });
});

describe('a claim', () => {
  test('waits for a batch to fill, and no longer than waitMs', async () => {
    await applySubscriptions(database.db, [{ ...index, batch: { max: 10, waitMs: 1_500 } }]);
    await publish(...upTo(3));
    const published = performance.now();
    expect((await claim()).units).toBe(0);
    let units = 0;
    await until('the batch is claimed', async () => {
      units += (await claim()).units;
      return units > 0;
    });
    expect(units).toBe(3);
    expect(performance.now() - published).toBeGreaterThan(1_000);
    await publish(...upTo(10));
    expect((await claim()).units).toBe(10);
  });

  test('takes whole batches, one execution each, and never more messages than maxMessages', async () => {
    await publish(...upTo(45));
    const first = await claim();
    expect(batchesOf(first.executions).map(({ units }) => units)).toEqual([10, 10]);
    expect((await claim()).units).toBe(0);
    await markStarted(
      database.db,
      first.token,
      first.executions.map(({ execution }) => execution),
    );
    await runBatchOf(batchesOf(first.executions)[0]?.id as string);
    expect(batchesOf((await claim()).executions).map(({ units }) => units)).toEqual([10]);
  });

  test('takes those that left their batch by themselves, beside a backlog', async () => {
    handle = (messages, { fail }) => {
      if (messages.length > 1) for (const message of messages.slice(0, 2)) fail(message, new Error('not with the others'));
    };
    await publish(...upTo(40));
    const [batch] = batchesOf((await claim()).executions);
    await runBatchOf(batch?.id as string);
    const { executions } = await claim();
    expect(executions.filter(({ unit }) => unit)).toHaveLength(2);
    expect(batchesOf(executions).map(({ units }) => units)).toEqual([8]);
  });
});

describe('a batch', () => {
  test('whose worker has died is one again, and after the second death each of its messages runs alone', async () => {
    await publish(...upTo(6));
    const { executions } = await claim();
    const burstId = batchesOf(executions)[0]?.id as string;
    // Without an end: as a process that was killed leaves it.
    const hang = () => new Promise<void>(() => {});
    for (const death of [1, 2]) {
      handle = hang;
      void runBatchOf(burstId).catch(() => {});
      await until('the batch has begun', () => got.length === death && got[death - 1]?.length === 6);
    }
    expect(await runBatchOf(burstId)).toEqual({ finished: 0, released: 0 });
    handle = write;
    await runUntilIdle(tidemark);
    expect(got.slice(2).map((numbers) => numbers.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await effects()).toEqual(upTo(6));
  });

  test('that another attempt has taken over changes nothing', async () => {
    await publish(...upTo(4));
    const burstId = batchesOf((await claim()).executions)[0]?.id as string;
    let goOn: (() => void) | undefined;
    handle = async (messages, context) => {
      await write(messages, context);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    };
    const zombie = runBatchOf(burstId);
    await until('the zombie has written', () => goOn !== undefined);
    handle = write;
    expect(await runBatchOf(burstId)).toEqual({ finished: 4, released: 0 });
    goOn?.();
    expect(await zombie).toEqual({ finished: 0, released: 0 });
    expect(await effects()).toEqual(upTo(4));
  });

  test('in which one always meets a deadlock goes on alone: the others are done, and it is dead after its own attempts', async () => {
    handle = async (messages, { db }) => {
      const meets = messages.some(({ data }) => data.n === 1);
      if (meets) await db.query(`do $$ begin raise exception 'given up for another' using errcode = '40P01'; end $$`);
    };
    await publish(...upTo(3));
    await runUntilIdle(tidemark);
    expect((await states()).map(({ state, failures }) => [state, failures])).toEqual([
      ['done', 0],
      ['dead', 3],
      ['done', 0],
    ]);
  });

  test('says of itself that it failed, and of a message that failed alone which', async () => {
    await publish(...upTo(3));
    const lines: [string, string, Record<string, unknown>][] = [];
    const run = async () => runBatchOf(batchesOf((await claim()).executions)[0]?.id as string, undefined, (...line) => lines.push(line));
    handle = (messages, { fail }) => fail(messages[1] as BatchMessage<Row>, new NonRetryableError('gone'));
    await run();
    handle = () => {
      throw new Error('all of it');
    };
    await publish(...upTo(2));
    await run();
    expect(lines).toEqual([
      ['error', 'Is dead: gone', { messageId: expect.any(String), subscription: 'index', attempt: 1, error: expect.any(Error) }],
      ['warn', 'A batch failed, and its messages go on: all of it', { subscription: 'index', messages: 2, error: expect.any(Error) }],
    ]);
  });

  test('whose database does not answer fails no message, and is tried again as it is', async () => {
    await publish(...upTo(3));
    const burstId = batchesOf((await claim()).executions)[0]?.id as string;
    handle = async (_, { db }) => {
      await db.query('select pg_terminate_backend(pg_backend_pid())');
    };
    await expect(runBatchOf(burstId)).rejects.toThrow();
    handle = write;
    expect(await runBatchOf(burstId)).toEqual({ finished: 3, released: 0 });
    expect((await states()).map(({ state, failures, attempt }) => [state, failures, attempt])).toEqual(
      Array.from({ length: 3 }, () => ['done', 0, 2]),
    );
  });
});

describe('options of a batch', () => {
  test.each([
    [{ batch: { max: 0 } }, "batch.max of subscription 'x' is 0: use a whole number from 1 to 1000"],
    [{ batch: { max: 11 }, maxMessages: 10 }, "batch.max of subscription 'x' is 11: use a whole number from 1 to 10"],
    [{ batch: { max: 5, waitMs: -1 } }, "batch.waitMs of subscription 'x' is -1"],
    [{ batch: { max: 5 }, enableMessageOrdering: true }, 'has both batch and enableMessageOrdering'],
  ])('that are wrong are refused when the worker is defined: %o', (options, message) => {
    const define = () => defineWorker(topics, { topic: 'row', subscription: 'x', handler: () => {}, ...options } as never);
    expect(define).toThrow(InvalidInputError);
    expect(define).toThrow(message);
  });

  test('are applied to the database, and what differs is named', async () => {
    const changed = { ...index, batch: { max: 20 } };
    expect(await planSubscriptions(inSchema(database.pool), [changed])).toMatchObject([
      { change: 'update', differences: { 'batch.max': { is: 10, wanted: 20 }, 'batch.waitMs': { is: 0, wanted: 100 } } },
    ]);
    await applySubscriptions(database.db, [changed]);
    expect(await planSubscriptions(database.db, [changed])).toMatchObject([{ change: 'none' }]);
  });
});

test('messages published at once by many are each delivered once', async () => {
  handle = write;
  await Promise.all(upTo(8).map((lane) => publish(...upTo(5).map((n) => lane * 5 + n))));
  await runUntilIdle(tidemark);
  expect(await effects()).toEqual(upTo(40));
});
