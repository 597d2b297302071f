/** What each option of a worker and of a message makes happen, attempt by attempt: with the database, without Temporal. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { carryOutActivities } from '../../src/activities/carry-out.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import {
  applySubscriptions,
  createTidemark,
  defineTopics,
  defineWorker,
  InvalidInputError,
  type Message,
  type MessageContext,
  NonRetryableError,
  type PublishOptions,
} from '../../src/index.ts';
import { tellOfDeaths } from '../../src/jobs/tell-of-deaths.ts';
import type { WorkerDefinition } from '../../src/messages/define-worker.ts';
import { unitHandlers } from '../../src/registry.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { beginWork } from '../../src/work/begin.ts';
import { DEFAULT_CLAIM_OPTIONS, runStarterLoop } from '../../src/work/loop.ts';
import { redriveWork } from '../../src/work/redrive.ts';
import { runBurst } from '../../src/work/run-burst.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import { sweepCounters } from '../../src/work/sweep.ts';
import { findHandlers, type Unit, type UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const topics = defineTopics({ task: z.object({ n: z.number() }), grave: z.object({ n: z.number() }) });
type Task = { n: number };

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 30 });
  work = workRows(database);
  await database.ownerPool.query(
    'create table public.effect (number bigint generated always as identity, n integer); grant all on public.effect to tidemark_app',
  );
});
beforeEach(async () => {
  await database.ownerPool.query('delete from tidemark.subscription; delete from tidemark.message; delete from public.effect');
  await work.clear();
});
afterAll(() => database?.drop());

type Handler = (message: Message<Task>, context: MessageContext) => unknown;

/** One subscription, 'sub', of the topic 'task'. */
async function subscribed(options: Partial<WorkerDefinition<Task>>, handler: Handler = () => {}) {
  const attempts: { n: number; attempt: number; at: number }[] = [];
  const worker: WorkerDefinition<Task> = {
    subscription: 'sub',
    topic: 'task',
    retry: { initialMs: 0 },
    ...options,
    handler(message: Message<Task>, context) {
      attempts.push({ n: message.data.n, attempt: context.attempt, at: Date.now() });
      return handler(message, context);
    },
  };
  await applySubscriptions(database.db, [worker]);
  const tidemark = createTidemark({ db: database.pool, topics, workers: [worker] });
  const handlers = unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs: createMemoryBlobStore() });
  const handlerOf = findHandlers(handlers);
  const idOf = (messageId: string) => `delivery/sub/${messageId}`;
  const publish = async (n: number, given: PublishOptions = {}) => idOf((await tidemark.publish('task', { n }, given)).messageId);
  return {
    tidemark,
    attempts,
    handlerOf,
    publish,
    order: () => attempts.map(({ n }) => n),
    /** In one statement: data { n }, from 0. @returns ids of the units */
    async publishMany(count: number, { orderingKey, messageTtlMs }: Pick<PublishOptions, 'orderingKey' | 'messageTtlMs'> = {}) {
      const { rows } = await database.pool.query(
        `select (tidemark.publish_message('task', json_build_object('n', n), p_ordering_key => $2,
           p_ttl => $3::integer * interval '1 millisecond')).message_id
         from generate_series(0, $1::integer - 1) n`,
        [count, orderingKey ?? null, messageTtlMs ?? null],
      );
      return rows.map(({ message_id }) => idOf(message_id));
    },
    run: () => runUntilIdle(tidemark),
    /** One attempt of one that was begun. */
    attempt: (unit: Unit, handler = handlerOf(unit.id)) => {
      if (!handler) throw new Error(`no handler for ${unit.id}`);
      return runUnit(unit, handler, {
        pool: database.pool,
        schema: 'tidemark',
        signal: new AbortController().signal,
        deadlineMs: handler.deadlineMs,
      });
    },
    burst: (burstId: string, unitBudgetMs = 5_000) =>
      runBurst(burstId, {
        pool: database.pool,
        schema: 'tidemark',
        handlerOf,
        signal: new AbortController().signal,
        width: 8,
        unitBudgetMs,
      }),
  };
}

/** All that is claimable, as one burst. */
async function claimBurst(): Promise<string> {
  const claim = await work.claim({ maxInFlight: 0, burstThreshold: 0 });
  await work.markAll(claim);
  const id = claim.executions[0]?.burst?.id;
  if (!id) throw new Error('nothing was claimed as a burst');
  return id;
}
const bursts = async () => (await work.claim()).executions.filter(({ burst }) => burst).length;
const pauseGroup = (paused: boolean) => database.pool.query(`update tidemark.work_group set paused = $1 where name = 'sub'`, [paused]);
const effects = async (): Promise<number[]> =>
  (await database.pool.query('select n from public.effect order by number')).rows.map(({ n }) => n);
const takeEffect: Handler = async ({ data }, { db }) => {
  await db.query('insert into public.effect (n) values ($1)', [data.n]);
};

describe('maxMessages', () => {
  test('is never exceeded by claims, however many there are at once', async () => {
    const { publishMany } = await subscribed({ maxMessages: 5 });
    await publishMany(60);
    await Promise.all(Array.from({ length: 6 }, () => work.claim()));
    expect(await work.count('claimed')).toBe(5);
    await database.pool.query(`update tidemark.work set state = 'started' where state = 'claimed'`);
    await database.pool.query(
      `update tidemark.work set state = 'done' where id in (select id from tidemark.work where state = 'started' limit 2)`,
    );
    expect((await work.claim()).executions).toHaveLength(2);
  });

  test('below the width of a burst lets none be made; above, as many as fit side by side', async () => {
    const narrow = await subscribed({ maxMessages: 7 });
    await narrow.publishMany(100);
    expect(await bursts()).toBe(0);
    expect(await work.count('claimed')).toBe(7);
    await database.ownerPool.query('delete from tidemark.work');
    const wide = await subscribed({ maxMessages: 20 });
    await wide.publishMany(400);
    expect(await bursts()).toBe(2);
    expect(await work.count('claimed', 'burst_id is null')).toBeLessThanOrEqual(4);
  });

  test('keeps its backlog going as messages end, also beside work that is new all the time', async () => {
    const { publishMany } = await subscribed({ maxMessages: 1 });
    await work.register('note');
    const COUNT = 12;
    await publishMany(COUNT);
    const loop = runStarterLoop({
      db: work.db,
      claim: DEFAULT_CLAIM_OPTIONS,
      async start(claim) {
        await work.markAll(claim);
        await database.pool.query(`update tidemark.work set state = 'done' where claim_token = $1 and state = 'started'`, [claim.token]);
        return {};
      },
    });
    let fresh = 0;
    await until(
      'all were delivered',
      async () => {
        fresh += 1;
        await work.add({ id: `note/${fresh}`, group: 'h' });
        return (await work.count('done', `group_name = 'sub'`)) === COUNT;
      },
      COUNT * 500,
    ).finally(() => loop.stop());
  });

  test('holds where a burst is taken over while its first attempt still begins units: neither begins what the other has', async () => {
    const { publishMany } = await subscribed({ maxMessages: 8 });
    await publishMany(60);
    const burstId = await claimBurst();
    const [first, second] = [randomUUID(), randomUUID()];
    const begin = (queryable: typeof database.pool | typeof client, fence: string, takesOver: boolean) =>
      queryable.query('select id, state from tidemark.begin_burst($1, $2, 8, $3)', [burstId, fence, takesOver]);
    const client = await database.pool.connect();
    await begin(database.pool, first, true);
    await client.query('begin');
    await begin(client, first, false);
    const takeover = begin(database.pool, second, true);
    await until('the takeover waits', async () => {
      const { rows } = await database.ownerPool.query(`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = $1`, [
        database.name,
      ]);
      return rows.length > 0;
    });
    await client.query('commit');
    client.release();
    expect((await takeover).rows).toHaveLength(8);
    const { rows } = await database.pool.query(
      `select count(*)::integer as running from tidemark.work where state = 'started' and fence is not null`,
    );
    expect(rows[0].running).toBe(8);
  });
});

describe('ackDeadlineMs', () => {
  const hang: Handler = async ({ data }, { attempt, db, signal }) => {
    if (data.n !== 1 || attempt > 1) return takeEffect({ data } as Message<Task>, { db } as MessageContext);
    await delay(1_200);
    late.push(signal.aborted, await db.query('select 1').then(String, (error: Error) => error.message));
  };
  const late: unknown[] = [];

  test('ends an attempt that ignores its signal; what it does late changes nothing, and another attempt follows', async () => {
    late.length = 0;
    const { publish, run, attempts } = await subscribed({ ackDeadlineMs: 400 }, hang);
    const id = await publish(1);
    await run();
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect((attempts[1]?.at ?? 0) - (attempts[0]?.at ?? 0)).toBeGreaterThanOrEqual(350);
    expect(await work.row(id)).toMatchObject({ state: 'done', failures: 1 });
    await until('the first attempt went on', () => late.length > 0);
    expect(late).toEqual([true, 'This attempt has ended: its db takes no more statements.']);
    expect(await effects()).toEqual([1]);
  });

  test('counts from the last heartbeat', async () => {
    const { publish, run, attempts } = await subscribed({ ackDeadlineMs: 500 }, async (_, { heartbeat }) => {
      for (let beats = 0; beats < 10; beats += 1) {
        await delay(80);
        await heartbeat();
      }
    });
    const id = await publish(1);
    await run();
    expect(attempts).toHaveLength(1);
    expect(await work.row(id)).toMatchObject({ state: 'done', attempt: 1 });
  });

  test('is what an attempt may take in a burst too: it need not leave it, and one that hangs holds up no other', async () => {
    const { publishMany, burst, attempts } = await subscribed({ ackDeadlineMs: 60_000 }, () => delay(60));
    await publishMany(10);
    expect(await burst(await claimBurst(), 5)).toEqual({ finished: 10, released: 0 });
    expect(attempts).toHaveLength(10);
    const hanging = await subscribed({ ackDeadlineMs: 700 }, hang);
    await database.ownerPool.query('delete from tidemark.work');
    const ids = await hanging.publishMany(10);
    expect(await hanging.burst(await claimBurst())).toEqual({ finished: 9, released: 1 });
    expect(await work.row(ids[1] as string)).toMatchObject({ state: 'ready', failures: 1, alone: true });
  });

  test('of more than a minute, or after an attempt that took long, runs in a heartbeating activity, and holds there too', async () => {
    const { handlerOf: ofAMinute } = await subscribed({ ackDeadlineMs: 60_000 });
    expect(ofAMinute('delivery/sub/1')?.long).toBe(false);
    const { handlerOf: ofMore } = await subscribed({ ackDeadlineMs: 60_001 });
    expect(ofMore('delivery/sub/1')?.long).toBe(true);

    const { handlerOf, publish, attempt } = await subscribed({ ackDeadlineMs: 60_000 }, async () => {
      const now = performance.now();
      vi.spyOn(performance, 'now').mockReturnValue(now + 5_001);
    });
    await attempt(await work.begin(await publish(1))).finally(() => vi.restoreAllMocks());
    expect(handlerOf('delivery/sub/1')?.long).toBe(true);

    const hanging = await subscribed({ ackDeadlineMs: 60_001 }, () => delay(20_000, undefined, { ref: false }));
    const id = await hanging.publish(1);
    const handler = { ...(hanging.handlerOf(id) as UnitHandler), long: true, deadlineMs: 100 };
    const { runLongUnit } = carryOutActivities({
      pool: database.pool,
      schema: 'tidemark',
      handlerOf: () => handler,
      watch: () => () => {},
    });
    await work.markAll(await work.claim());
    const environment = new MockActivityEnvironment();
    expect(await environment.run(runLongUnit, id, Number((await work.row(id)).epoch))).toEqual({ type: 'nothing' });
    expect(await work.row(id)).toMatchObject({ state: 'ready', failures: 1, error: { message: expect.stringContaining('within 100 ms') } });
  });
});

describe('retry', () => {
  test('comes after the intervals that the policy says, within its jitter', async () => {
    const { publish, run } = await subscribed({ retry: { initialMs: 1_000, factor: 3, maxMs: 5_000, jitter: 0.5 } }, () => {
      throw new Error('not yet');
    });
    const id = await publish(1);
    for (const [least, most] of [
      [500, 1_000],
      [1_500, 3_000],
      [2_500, 5_000],
      [2_500, 5_000],
    ] as const) {
      const { rows: before } = await database.pool.query('select clock_timestamp() as at');
      await run();
      const { rows: after } = await database.pool.query('select clock_timestamp() as at');
      const { state, not_before } = await work.row(id);
      expect(state).toBe('ready');
      expect(not_before.getTime() - before[0].at.getTime()).toBeGreaterThanOrEqual(least);
      expect(not_before.getTime() - after[0].at.getTime()).toBeLessThanOrEqual(most);
      await database.pool.query('update tidemark.work set not_before = now()');
    }
    await run();
    expect(await work.row(id)).toMatchObject({ state: 'dead', attempt: 5 });
  });

  test('goes by the class of the error where `when` says so; where that throws itself, by the rest of the policy', async () => {
    const when = (error: unknown) => {
      if (error instanceof RangeError) return 'dead' as const;
      if (error instanceof SyntaxError) return 30_000;
      if (error instanceof TypeError) throw new Error('a mistake of the policy');
      return undefined;
    };
    const errors = [new RangeError('a'), new SyntaxError('b'), new TypeError('c'), new Error('d')];
    const { publishMany, run } = await subscribed({ retry: { initialMs: 10_000, jitter: 0, when } }, ({ data }) => {
      throw errors[data.n] as Error;
    });
    const ids = await publishMany(4);
    await run();
    const rows = await Promise.all(ids.map((id) => work.row(id)));
    expect(rows.map(({ state, not_before }) => [state, Math.round((not_before.getTime() - Date.now()) / 5_000) * 5_000])).toEqual([
      ['dead', expect.any(Number)],
      ['ready', 30_000],
      ['ready', 10_000],
      ['ready', 10_000],
    ]);
  });

  test('is not for errors of the database that the delivery is in: those never count, however they reach the handler', async () => {
    const { publish, run, attempts } = await subscribed({ deadLetter: { maxDeliveryAttempts: 1 } }, async (message, context) => {
      if (context.attempt <= 2) {
        await context.db.query('select pg_terminate_backend(pg_backend_pid())').catch((cause) => {
          throw context.attempt === 1 ? cause : new Error('could not write the order', { cause });
        });
      }
      await takeEffect(message, context);
    });
    const id = await publish(1);
    await run();
    expect(await work.row(id)).toMatchObject({ state: 'done', attempt: 3, failures: 0 });
    expect(attempts).toHaveLength(3);
    expect(await effects()).toEqual([1]);
  });
});

describe('deadLetter', () => {
  test('comes after exactly maxDeliveryAttempts, in a burst and after it', async () => {
    for (const maxDeliveryAttempts of [1, 3]) {
      await database.ownerPool.query('delete from tidemark.work');
      const { publishMany, burst, run, attempts } = await subscribed({ deadLetter: { maxDeliveryAttempts } }, () => {
        throw new Error('no such address');
      });
      await publishMany(12);
      await burst(await claimBurst());
      await run();
      expect(attempts).toHaveLength(12 * maxDeliveryAttempts);
      expect(await work.count('dead', `failures = ${maxDeliveryAttempts}`)).toBe(12);
    }
  });

  test('comes at once, in a burst too, where no other attempt can succeed', async () => {
    const { publishMany, burst, attempts } = await subscribed({}, () => {
      throw new NonRetryableError('gone');
    });
    await publishMany(10);
    await burst(await claimBurst());
    expect(attempts).toHaveLength(10);
    expect(await work.count('dead')).toBe(10);
  });

  test('counts no attempt whose worker died: five such in a row are a death of their own, which is published as well', async () => {
    const { publish, attempt } = await subscribed({ deadLetter: { maxDeliveryAttempts: 2, topic: 'grave' } }, () => {
      throw new Error('no');
    });
    await database.db.query(`insert into tidemark.work_group (name) values ('graves')`);
    await database.db.query(`insert into tidemark.subscription (name, topic) values ('graves', 'grave')`);
    const graves = async () =>
      (await database.pool.query(`select attributes from tidemark.message where topic = 'grave' order by id`)).rows.map(
        ({ attributes }) => attributes,
      );

    const failing = await publish(1);
    await work.begin(failing);
    await work.begin(failing);
    expect(await attempt(await work.begin(failing))).toMatchObject({ type: 'released' });
    expect(await work.row(failing)).toMatchObject({ state: 'ready', attempt: 3, failures: 1 });
    expect(await attempt(await work.begin(failing))).toMatchObject({ type: 'dead' });
    expect(await graves()).toEqual([expect.objectContaining({ deadLetterSubscription: 'sub', deadLetterAttempts: '4' })]);

    const killing = await publish(2);
    for (let begun = 0; begun < 5; begun += 1) await work.begin(killing);
    expect(await work.begin(killing)).toMatchObject({ state: 'dead' });
    expect((await work.row(killing)).error).toMatchObject({ code: 'worker_died' });
    expect(await graves()).toEqual([
      expect.anything(),
      expect.objectContaining({ deadLetterMessageId: killing.slice(killing.lastIndexOf('/') + 1), deadLetterAttempts: '5' }),
    ]);
    expect((await work.count('ready', `group_name = 'graves'`)) + (await work.count('started', `group_name = 'graves'`))).toBe(2);

    // Of each death once: not of being looked at again, but of dying again.
    await beginWork(work.db, killing, Number((await work.row(killing)).epoch));
    expect(await graves()).toHaveLength(2);
    await redriveWork(work.db, { ids: [failing] });
    await attempt(await work.begin(failing));
    await attempt(await work.begin(failing));
    expect(await graves()).toHaveLength(3);
  });

  test('is told to whoever is to know of deaths, with subscription and message', async () => {
    const { publish, attempt, tidemark } = await subscribed({ deadLetter: { maxDeliveryAttempts: 1 } }, () => {
      throw new Error('no');
    });
    let told: unknown;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      told = JSON.parse(Buffer.concat(chunks).toString());
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await work.register('job');
    await tellOfDeaths(work.db, true);
    const id = await publish(1);
    await attempt(await work.begin(id));
    await tellOfDeaths(work.db, false);
    const telling = `job/on-dead/${(await work.row(id)).epoch}`;
    const { port } = server.address() as AddressInfo;
    const onDead = { url: `http://127.0.0.1:${port}` };
    const dependencies = { pool: database.pool, schema: 'tidemark', blobs: createMemoryBlobStore(), onDead };
    const job = findHandlers(unitHandlers(tidemark.registry, dependencies))(telling);
    if (!job) throw new Error('no handler');
    await attempt(await work.begin(telling), job);
    server.close();
    expect(told).toMatchObject({
      workId: id,
      group: 'sub',
      subscription: 'sub',
      messageId: id.slice(id.lastIndexOf('/') + 1),
      message: 'no',
    });
  });
});

describe('enableMessageOrdering', () => {
  const failsFirst =
    (times: number): Handler =>
    async (message, context) => {
      if (message.data.n === 0 && context.attempt <= times) throw new Error('not yet');
      await takeEffect(message, context);
    };

  test('delivers messages of one orderingKey in the order of their commits, whenever they were published', async () => {
    const { tidemark, run, publish } = await subscribed({ enableMessageOrdering: true }, takeEffect);
    const client = await database.pool.connect();
    await client.query('begin');
    const late = tidemark.in(client);
    await publish(5, { orderingKey: 'other' });
    await late.publish('task', { n: 1 }, { orderingKey: 'k' });
    const second = publish(2, { orderingKey: 'k' });
    const unordered = publish(3);
    await unordered;
    await late.publish('task', { n: 4 }, { orderingKey: 'k' });
    await client.query('commit');
    client.release();
    await second;
    await run();
    expect((await effects()).filter((n) => [1, 4, 2].includes(n))).toEqual([1, 4, 2]);
    expect((await effects()).sort()).toEqual([1, 2, 3, 4, 5]);
  });

  test('keeps a key waiting while its head is tried again, and lets others go on', async () => {
    const { publishMany, publish, run, order } = await subscribed({ enableMessageOrdering: true }, failsFirst(3));
    await publishMany(3, { orderingKey: 'k' });
    await publish(9, { orderingKey: 'other' });
    await run();
    expect(order().filter((n) => n !== 9)).toEqual([0, 0, 0, 0, 1, 2]);
    expect((await effects()).filter((n) => n !== 9)).toEqual([0, 1, 2]);
  });

  test('holds also where one that waits for its time is the head', async () => {
    const { publish, run } = await subscribed({ enableMessageOrdering: true }, takeEffect);
    await publish(0, { orderingKey: 'k', notBefore: new Date(Date.now() + 60_000) });
    await publish(1, { orderingKey: 'k' });
    await run();
    expect(await effects()).toEqual([]);
    await database.pool.query(`update tidemark.work set not_before = now() where state = 'ready'`);
    await run();
    expect(await effects()).toEqual([0, 1]);
  });
});

describe('onPoison', () => {
  const poison =
    (isCured: () => boolean): Handler =>
    async (message, context) => {
      if (message.data.n === 0 && !isCured()) throw new NonRetryableError('poison');
      await takeEffect(message, context);
    };

  test("'skip' delivers what is behind a dead message", async () => {
    const { publishMany, run } = await subscribed(
      { enableMessageOrdering: true, onPoison: 'skip' },
      poison(() => false),
    );
    await publishMany(3, { orderingKey: 'k' });
    await run();
    expect(await effects()).toEqual([1, 2]);
  });

  test("'block' holds what is behind it, also what comes later, until it is redriven: then all in order", async () => {
    let cured = false;
    const { publishMany, publish, run } = await subscribed(
      { enableMessageOrdering: true, onPoison: 'block' },
      poison(() => cured),
    );
    const [first = ''] = await publishMany(3, { orderingKey: 'k' });
    await publish(7, { orderingKey: 'other' });
    await run();
    await publish(3, { orderingKey: 'k' });
    await run();
    expect(await effects()).toEqual([7]);
    expect(await work.count('waiting')).toBe(3);
    cured = true;
    expect(await redriveWork(work.db, { ids: [first] })).toBe(1);
    expect(await redriveWork(work.db, { ids: [first] })).toBe(0);
    await run();
    expect(await effects()).toEqual([7, 0, 1, 2, 3]);
  });
});

describe('messageTtlMs', () => {
  const expired = async () => (await sweepCounters(work.db)).expired;
  const timePasses = () => database.pool.query(`update tidemark.work set expires_at = now() where expires_at is not null`);

  test('of the subscription or of the message, whichever is less: no attempt begins after it, though it was claimed before', async () => {
    const { publish, attempts } = await subscribed({ messageTtlMs: 60_000 });
    const now = Date.now();
    const ids = [await publish(1), await publish(2, { messageTtlMs: 10_000 }), await publish(3, { messageTtlMs: 90_000 })];
    const lives = await Promise.all(ids.map(async (id) => Math.round(((await work.row(id)).expires_at?.getTime() ?? 0) - now)));
    for (const [index, ttl] of [60_000, 10_000, 60_000].entries()) expect(Math.abs((lives[index] ?? 0) - ttl)).toBeLessThan(2_000);
    await work.markAll(await work.claim());
    await timePasses();
    for (const id of ids) expect(await beginWork(work.db, id, Number((await work.row(id)).epoch))).toBeUndefined();
    expect(await work.count('expired')).toBe(3);
    expect(await expired()).toBe(3);
    expect(attempts).toEqual([]);
  });

  test('counts from notBefore where that is later', async () => {
    const { publish } = await subscribed({ messageTtlMs: 1_000 });
    const notBefore = new Date(Date.now() + 3_600_000);
    const id = await publish(1, { notBefore, messageTtlMs: 2_000 });
    expect((await work.row(id)).expires_at?.getTime()).toBe(notBefore.getTime() + 1_000);
  });

  test('holds in a burst, and frees the key of what it ends', async () => {
    const { publishMany, publish, burst, run, order } = await subscribed({ enableMessageOrdering: true }, takeEffect);
    await publishMany(20, { messageTtlMs: 60_000 });
    await publish(100, { orderingKey: 'k', messageTtlMs: 60_000 });
    await publish(101, { orderingKey: 'k' });
    for (let n = 200; n < 210; n += 1) await publish(n);
    const burstId = await claimBurst();
    await timePasses();
    await burst(burstId);
    expect(order().sort()).toEqual(Array.from({ length: 10 }, (_, n) => 200 + n));
    expect(await expired()).toBe(21);
    await run();
    expect((await effects()).at(-1)).toBe(101);
  });

  test('ends retries too, but not what a person redrives', async () => {
    const { publish, run, attempts } = await subscribed({ messageTtlMs: 60_000, retry: { initialMs: 0 } }, async () => {
      await timePasses();
      throw new Error('not yet');
    });
    const id = await publish(1);
    await run();
    expect(attempts).toHaveLength(1);
    expect(await work.row(id)).toMatchObject({ state: 'expired', error: { message: 'not yet' } });

    const dead = await subscribed({ messageTtlMs: 60_000 }, () => {
      throw new NonRetryableError('no');
    });
    const other = await dead.publish(2);
    await dead.run();
    await timePasses();
    await redriveWork(work.db, { ids: [other] });
    await dead.run();
    expect(dead.attempts).toHaveLength(2);
  });
});

test('notBefore: nothing is delivered before it', async () => {
  const { publish, run, attempts } = await subscribed({});
  const notBefore = Date.now() + 400;
  await publish(1, { notBefore: new Date(notBefore) });
  await run();
  expect(attempts).toEqual([]);
  await until('it is delivered', async () => run().then(() => attempts.length));
  // The clock of the database is another one.
  expect(attempts[0]?.at).toBeGreaterThanOrEqual(notBefore - 5);
});

describe('a pause of a subscription', () => {
  test('lets what runs end, and nothing begin that was claimed before; afterwards all is done', async () => {
    const { publishMany, attempt, run, attempts } = await subscribed({}, takeEffect);
    const [running = '', ...others] = await publishMany(5);
    await work.markAll(await work.claim());
    const unit = await work.begin(running);
    await pauseGroup(true);
    for (const id of others) expect(await beginWork(work.db, id, Number((await work.row(id)).epoch))).toBeUndefined();
    expect(await attempt(unit)).toEqual({ type: 'finished' });
    expect((await work.claim()).units).toBe(0);
    expect(await work.count('ready', 'attempt = 0')).toBe(4);
    await pauseGroup(false);
    await run();
    expect(attempts).toHaveLength(5);
    expect(await work.count('done')).toBe(5);
  });

  test('stops a burst after what it has begun', async () => {
    const { publishMany, burst, run, attempts } = await subscribed({}, async (message, context) => {
      if (attempts.length === 3) await pauseGroup(true);
      await delay(20);
      await takeEffect(message, context);
    });
    await publishMany(30);
    await burst(await claimBurst());
    expect(attempts.length).toBeLessThanOrEqual(16);
    expect(await effects()).toHaveLength(attempts.length);
    expect(await work.count('ready', 'attempt = 0 and burst_id is null')).toBe(30 - attempts.length);
    await pauseGroup(false);
    await run();
    expect((await effects()).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  });
});

describe('rateLimit', () => {
  test('is one bucket for all claims: full at first, filled evenly, never for a burst', async () => {
    const { publishMany } = await subscribed({ rateLimit: { messages: 10, perMs: 500 } });
    await publishMany(200);
    const { rows } = await database.pool.query('select clock_timestamp() as at');
    let claimed = 0;
    for (let looks = 0; looks < 8; looks += 1) {
      const claims = await Promise.all(Array.from({ length: 4 }, () => work.claim()));
      claimed += claims.reduce((sum, { units }) => sum + units, 0);
      for (const { executions } of claims) expect(executions.filter(({ burst }) => burst)).toEqual([]);
      const { rows: now } = await database.pool.query('select clock_timestamp() as at');
      expect(claimed).toBeLessThanOrEqual(10 + ((now[0].at - rows[0].at) / 500) * 10);
      if (looks === 0) expect(claimed).toBeGreaterThanOrEqual(10);
      await delay(60);
    }
    expect(claimed).toBeGreaterThanOrEqual(15);
  });

  test('counts another attempt of the same execution, and puts off what it leaves no room for', async () => {
    const { publishMany } = await subscribed({ rateLimit: { messages: 3, perMs: 3_600_000 } });
    const ids = await publishMany(2);
    await work.markAll(await work.claim());
    const begin = async (id = '') => beginWork(work.db, id, Number((await work.row(id)).epoch));
    expect(await begin(ids[0])).toMatchObject({ attempt: 1 });
    expect(await begin(ids[1])).toMatchObject({ attempt: 1 });
    // Its worker died, and it began again: the third of three.
    expect(await begin(ids[0])).toMatchObject({ attempt: 2 });
    expect(await begin(ids[0])).toBeUndefined();
    expect(await work.row(ids[0] as string)).toMatchObject({ state: 'ready', attempt: 2 });
    expect((await work.claim()).units).toBe(0);
  });

  test.each([
    [{ messages: 0, perMs: 1_000 }, "rateLimit.messages of subscription 'sub' is 0: use a whole number from 1 to 1000000."],
    [{ messages: 5 }, "rateLimit.perMs of subscription 'sub' is NaN: use a whole number from 1 to 86400000."],
  ])('of %o is refused', (rateLimit, message) => {
    const define = () => defineWorker(topics, { topic: 'task', subscription: 'sub', handler: () => {}, rateLimit: rateLimit as never });
    expect(define).toThrow(InvalidInputError);
    expect(define).toThrow(message);
  });
});
