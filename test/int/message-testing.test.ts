/** The test kit for messages on Postgres: publish, drain, expect; what goes wrong on the way; fixtures, and a database as it was. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTidemark, defineTopics, defineWorker, type Message, type MessageContext } from '../../src/index.ts';
import { createHarness, deliver, type Harness, resetDatabase, saveFixtures } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const topics = defineTopics({ voted: z.object({ postId: z.string() }), counted: z.object({ postId: z.string() }) });
type Voted = { postId: string };

let handle: (message: Message<Voted>, context: MessageContext) => unknown;
/** Outside of every transaction: what another service would have seen. */
const elsewhere: string[] = [];
const count = defineWorker(topics, {
  topic: 'voted',
  subscription: 'count',
  retry: { initialMs: 600_000 },
  deadLetter: { maxDeliveryAttempts: 3 },
  handler: (message, context) => handle(message, context),
});
const counted = defineWorker(topics, { topic: 'counted', subscription: 'counted', handler: () => {} });
const workers = [count, counted];

let database: TestDatabase;
let tidemark: ReturnType<typeof create>;
let harness: Harness<typeof tidemark.publish>;
const create = () => createTidemark({ db: database.pool, topics, workers });

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query(`
    create table public.post (id text primary key, votes integer not null default 0, at timestamptz not null default now(), tags text[]);
    create table public.vote (id bigint generated always as identity, post_id text references public.post (id));
    grant all on all tables in schema public to public`);
  tidemark = create();
  harness = await createHarness(tidemark);
});
beforeEach(async () => {
  elsewhere.length = 0;
  handle = async ({ data }, { db, publish }) => {
    await db.query('update public.post set votes = votes + 1 where id = $1', [data.postId]);
    await publish('counted', data);
    elsewhere.push(data.postId);
  };
  await resetDatabase(tidemark, { database: database.name, tables: ['public.vote', 'public.post'] });
  await saveFixtures(database.pool, { 'public.post': [{ id: 'p1' }] });
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const votes = async () => (await database.pool.query('select votes from public.post')).rows.map((row) => row.votes);
const vote = () => harness.publish('voted', { postId: 'p1' });

describe('a harness', () => {
  test('publishes, drains and expects: failed attempts run again at once, whatever their policy says', async () => {
    const failing = handle;
    handle = async (message, context) => {
      await failing(message, context);
      if (context.attempt < 3) throw new Error('not yet');
    };
    const { messageId } = await vote();
    await harness.drain();
    await harness.expect({ subscription: 'count', messageId });
    await harness.expect({ subscription: 'counted', count: 1 });
    expect([await votes(), elsewhere.length]).toEqual([[1], 3]);
  });

  test('leaves what is for later, and says what is dead', async () => {
    handle = () => {
      throw new Error('no such post');
    };
    await vote();
    await harness.publish('voted', { postId: 'p1' }, { notBefore: new Date(Date.now() + 60_000) });
    await harness.drain();
    await harness.expect({ subscription: 'count', state: 'dead', count: 1 }).then(
      () => expect.unreachable('there are two deliveries'),
      (error) => expect(error.message).toMatch(/there are 2\..*: dead, 3 attempts; handler_failed: no such post\n.*: ready, not begun/s),
    );
  });
});

describe('a fault', () => {
  test.each([
    ['crash-after-effect', 1, 2],
    ['crash-after-effect', 2, 3],
    ['duplicate', 1, 2],
    ['timeout', 2, 3],
  ] as const)('%s × %i: the handler runs %i times, and its own database has the effect once', async (fault, times, runs) => {
    let begun = 0;
    const well = handle;
    handle = async (message, context) => {
      begun += 1;
      await well(message, context);
      // The handler of an attempt that is to time out goes on until its signal ends it.
      if (fault === 'timeout' && begun <= times) await new Promise((_, reject) => context.signal.addEventListener('abort', reject));
    };
    await vote();
    await harness.drain({ faults: [{ subscription: 'count', fault, times }] });
    await harness.expect({ subscription: 'count', count: 1 });
    await harness.expect({ subscription: 'counted', count: 1 });
    await expect.poll(() => begun).toBe(runs);
    expect(await votes()).toEqual([1]);
  });

  test('shows what a handler does wrong: an effect elsewhere happens twice, unless `once` guards it', async () => {
    await vote();
    await harness.drain({ faults: [{ subscription: 'count', fault: 'crash-after-effect' }] });
    expect(elsewhere).toHaveLength(2);
    elsewhere.length = 0;
    handle = async ({ data }, { once }) => {
      const client = await database.pool.connect();
      try {
        await client.query('begin');
        if (await once(client)) elsewhere.push(data.postId);
        await client.query('commit');
      } finally {
        client.release();
      }
    };
    await vote();
    await harness.drain({ faults: [{ subscription: 'count', fault: 'crash-after-effect' }] });
    expect(elsewhere).toHaveLength(1);
  });

  test('of a subscription that is not there is refused', async () => {
    await expect(harness.drain({ faults: [{ subscription: 'mail', fault: 'timeout' }] })).rejects.toThrow(
      "The fault 'timeout' × 1 of subscription 'mail' cannot be",
    );
  });
});

describe('deliver', () => {
  test('runs a handler in a transaction of the database: what it writes and publishes is there, or nothing of it', async () => {
    const { published } = await deliver(count, { postId: 'p1' }, { app: tidemark });
    expect(published).toEqual([{ topic: 'counted', payload: { postId: 'p1' }, options: {} }]);
    expect(await votes()).toEqual([1]);
    await harness.drain();
    await harness.expect({ subscription: 'counted', count: 1 });
    const well = handle;
    handle = async (message, context) => {
      await well(message, context);
      throw new Error('too late');
    };
    await expect(deliver(count, { postId: 'p1' }, { app: tidemark })).rejects.toThrow('too late');
    expect(await votes()).toEqual([1]);
    await harness.expect({ subscription: 'counted', count: 1 });
  });

  test('of one message twice: `once` is true the first time', async () => {
    handle = (_, { once, db }) => once(db);
    const results = [];
    for (const messageId of ['5', '5', '6']) results.push((await deliver(count, { postId: 'p1' }, { app: tidemark, messageId })).result);
    expect(results).toEqual([true, false, true]);
  });
});

describe('fixtures', () => {
  test('are inserted in order, with defaults for what they do not name', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const { 'public.post': posts, 'public.vote': saved } = await saveFixtures(database.pool, {
      'public.post': [{ id: 'p2', at, tags: ['a', 'b'] }, { id: 'p3' }],
      'public.vote': [{ post_id: 'p2' }, {}],
    });
    expect(posts).toMatchObject([
      { id: 'p2', votes: 0, at, tags: ['a', 'b'] },
      { id: 'p3', votes: 0, tags: null },
    ]);
    expect(saved?.map(({ post_id }) => post_id)).toEqual(['p2', null]);
    await expect(saveFixtures(database.pool, { 'post; drop table post': [{}] })).rejects.toThrow("is no table's name");
  });

  test('and all messages and work are gone after a reset, of this database alone', async () => {
    await vote();
    await expect(resetDatabase(tidemark, { database: 'orders' })).rejects.toThrow(
      `This is the database '${database.name}', not 'orders': nothing was removed.`,
    );
    await harness.expect({ subscription: 'count', state: 'ready', count: 1 });
    await resetDatabase(tidemark, { database: database.name });
    await harness.expect({ subscription: 'count', state: 'ready', count: 0 });
    expect((await vote()).deliveries).toBe(1);
    expect(await votes()).toEqual([0]);
  });
});
