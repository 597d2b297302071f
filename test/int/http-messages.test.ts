/** Messages over REST and `tidemark/client`: what publishing promises there, and what a person sees and decides. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type TidemarkClient } from '../../src/client.ts';
import {
  applySubscriptions,
  defineTopics,
  defineWorker,
  IdempotencyKeyReusedError,
  InvalidInputError,
  type MessageType,
  onChange,
  SubscriptionNotFoundError,
  TopicNotFoundError,
} from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, bearer, makeToken } from '../support/http-tokens.ts';

/** Bytes that begin with 1. */
const ones: MessageType<Uint8Array> = {
  encoding: 'binary',
  encode: (bytes) => bytes,
  decode(stored) {
    if ((stored as Uint8Array)[0] !== 1) throw new InvalidInputError('It does not begin with 1.');
    return stored as Uint8Array;
  },
};
const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string(), qty: z.number().default(1) }), ones });
let handle: (data: unknown) => unknown = () => {};
const mail = defineWorker(topics, {
  topic: 'order-placed',
  subscription: 'mail',
  handler: ({ data }) => handle(data),
  deadLetter: { maxDeliveryAttempts: 1 },
});
const count = defineWorker(topics, { topic: 'ones', subscription: 'count', handler: ({ data }) => handle(data) });

let database: TestDatabase;
let server: TestServer;
let admin: TidemarkClient;
let publisher: TidemarkClient;
let narrow: TidemarkClient;
let adminToken: string;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, {
    topics,
    workers: [mail, count],
    changes: [onChange('post', {}, () => {})],
    ...askForTokens(database),
  });
  const client = async (options: Parameters<typeof makeToken>[1]) =>
    connect({ url: server.url, token: (await makeToken(database, options)).token });
  [admin, publisher, narrow] = await Promise.all([
    client({ scopes: ['admin'] }),
    client({ scopes: ['publish'] }),
    client({ scopes: ['admin'], logPrefixes: ['order-'] }),
  ]);
  ({ token: adminToken } = await makeToken(database));
  await applySubscriptions(database.db, [mail, count]);
});
beforeEach(async () => {
  handle = () => {};
  await database.ownerPool.query('delete from tidemark.work; delete from tidemark.message; delete from tidemark.message_dedupe');
});
afterAll(async () => {
  for (const client of [admin, publisher, narrow]) client?.close();
  await server?.close();
  await database?.drop();
});

async function deadLetter(): Promise<string> {
  handle = () => {
    throw new Error('The server said 550');
  };
  const { messageId } = await publisher.publish('order-placed', { orderId: 'o1' }, { correlationId: 'c-1' });
  await runUntilIdle(server.tidemark);
  handle = () => {};
  return `delivery/mail/${messageId}`;
}

describe('publishing', () => {
  test('delivers what was sent, with who sent it', async () => {
    const got: unknown[] = [];
    handle = (data) => got.push(data);
    const { messageId, deliveries } = await publisher.publish('order-placed', { orderId: 'o1' }, { attributes: { source: 'web' } });
    expect(deliveries).toBe(1);
    await publisher.publish('ones', new Uint8Array([1, 2, 255]));
    await runUntilIdle(server.tidemark);
    expect(got).toHaveLength(2);
    expect(got).toEqual(expect.arrayContaining([{ orderId: 'o1', qty: 1 }, new Uint8Array([1, 2, 255])]));
    const { rows } = await database.pool.query('select actor, attributes, data from tidemark.message where id = $1', [messageId]);
    expect(rows).toEqual([{ actor: expect.stringMatching(/^token \d+$/), attributes: { source: 'web' }, data: { orderId: 'o1' } }]);
  });

  test('refuses data that is not of the topic, and says where; an unknown topic; bytes for JSON', async () => {
    await expect(publisher.publish('order-placed', { orderId: 7 })).rejects.toThrow(
      /^A message of topic 'order-placed' is refused: orderId: /,
    );
    await expect(publisher.publish('nowhere', {})).rejects.toThrow(TopicNotFoundError);
    await expect(publisher.publish('constructor', {})).rejects.toThrow(TopicNotFoundError);
    await expect(publisher.publish('order-placed', new Uint8Array([1]))).rejects.toThrow('are JSON: give them as data');
    await expect(publisher.publish('ones', { a: 1 })).rejects.toThrow('are bytes: give them as dataBase64');
    await expect(publisher.publish('ones', new Uint8Array([2]))).rejects.toThrow('It does not begin with 1.');
    await expect(publisher.publish('changes.public.post', {})).rejects.toThrow("holds row changes, which 'tidemark cdc' publishes");
    await expect(publisher.publish('job.completed', {})).rejects.toThrow('says how jobs ended');
    await expect(server.tidemark.publish('changes.public.post' as never, {} as never)).rejects.toThrow('is not defined');
    expect((await database.pool.query('select 1 from tidemark.message')).rows).toEqual([]);
  });

  test('twice under a key is one message; the key stands for it, and is its caller’s own', async () => {
    const idempotencyKey = 'order o1';
    const first = await publisher.publish('order-placed', { orderId: 'o1' }, { idempotencyKey: 'o1' });
    expect(await publisher.publish('order-placed', { orderId: 'o1' }, { idempotencyKey: 'o1' })).toEqual({
      messageId: first.messageId,
      deliveries: 0,
      isDuplicate: true,
    });
    await expect(publisher.publish('order-placed', { orderId: 'o2' }, { idempotencyKey: 'o1' })).rejects.toThrow(IdempotencyKeyReusedError);
    expect(await admin.publish('order-placed', { orderId: 'o2' }, { idempotencyKey: 'o1' })).toMatchObject({ isDuplicate: false });
    await expect(publisher.publish('order-placed', { orderId: 'o1' }, { idempotencyKey })).rejects.toThrow('visible ASCII');
    const bytes = new Uint8Array([1, 2]);
    await publisher.publish('ones', bytes, { idempotencyKey: 'b' });
    expect(await publisher.publish('ones', bytes, { idempotencyKey: 'b' })).toMatchObject({ isDuplicate: true });
    await expect(publisher.publish('ones', new Uint8Array([1, 3]), { idempotencyKey: 'b' })).rejects.toThrow(IdempotencyKeyReusedError);
  });

  test('is counted by topic', async () => {
    const published = async () =>
      Number(
        /^tidemark_published_messages_total\{topic="order-placed"\} (\d+)$/m.exec(
          (await server.request('GET', '/metrics', undefined, bearer(adminToken))).body,
        )?.[1] ?? 0,
      );
    const before = await published();
    await publisher.publish('order-placed', { orderId: 'o1' }, { idempotencyKey: 'counted' });
    await publisher.publish('order-placed', { orderId: 'o1' }, { idempotencyKey: 'counted' });
    await expect(publisher.publish('order-placed', {})).rejects.toThrow('is refused');
    expect(await published()).toBe(before + 1);
  });

  test('needs its scope, and gives no other', async () => {
    await expect(publisher.subscriptions.list()).rejects.toMatchObject({ code: 'forbidden' });
    await expect(publisher.deadLetters.list()).rejects.toMatchObject({ code: 'forbidden' });
    await expect(publisher.subscriptions.pause('mail')).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('subscriptions', () => {
  test('are named by topic, and counted; paused ones wait', async () => {
    expect(await admin.topics.list()).toEqual({
      topics: [
        ...['changes.public.post', 'job.completed', 'job.failed'].map((name) => ({ name, encoding: 'json', subscriptions: [] })),
        { name: 'ones', encoding: 'binary', subscriptions: ['count'] },
        { name: 'order-placed', encoding: 'json', subscriptions: ['mail'] },
      ],
    });
    await publisher.publish('order-placed', { orderId: 'o1' });
    expect(await admin.subscriptions.pause('mail')).toEqual({ subscription: 'mail', paused: true });
    const { subscriptions } = await admin.subscriptions.list();
    expect(subscriptions.map(({ name, paused, depth }) => [name, paused, depth.waiting])).toEqual([
      ['count', false, 0],
      ['mail', true, 1],
    ]);
    await admin.subscriptions.resume('mail');
    await runUntilIdle(server.tidemark);
    expect((await admin.subscriptions.list()).subscriptions[1]).toMatchObject({ paused: false, depth: { waiting: 0, done: 1 } });
    await expect(admin.subscriptions.pause('nobody')).rejects.toThrow(SubscriptionNotFoundError);
  });

  test('and dead letters are not for who reaches some logs alone', async () => {
    const id = await deadLetter();
    expect(await narrow.subscriptions.list()).toEqual({ subscriptions: [] });
    expect(await narrow.deadLetters.list()).toEqual({ deadLetters: [] });
    await expect(narrow.deadLetters.get(id)).rejects.toMatchObject({ code: 'work_not_found' });
    expect(await narrow.deadLetters.redrive({ ids: [id] })).toEqual({ units: 0 });
    await expect(narrow.subscriptions.pause('mail')).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('dead letters', () => {
  test('are found by subscription and error, with their message', async () => {
    const id = await deadLetter();
    const { deadLetters } = await admin.deadLetters.list({ subscription: 'mail', error: '550' });
    expect(deadLetters).toEqual([
      expect.objectContaining({
        id,
        error: { code: 'handler_failed', message: 'The server said 550' },
        message: expect.objectContaining({ topic: 'order-placed', data: { orderId: 'o1' }, correlationId: 'c-1' }),
      }),
    ]);
    expect((await admin.deadLetters.list({ error: '551' })).deadLetters).toEqual([]);
    expect(await admin.deadLetters.get(id)).toMatchObject({ error: { stack: expect.stringContaining('at ') }, decisions: [] });
    await expect(admin.deadLetters.get('mail/1')).rejects.toMatchObject({ code: 'work_not_found' });
  });

  test('are redriven once and discarded once, by somebody', async () => {
    const id = await deadLetter();
    expect(await admin.deadLetters.redrive({ subscription: 'mail', ratePerSecond: 100, correlationId: 'ticket-7' })).toEqual({ units: 1 });
    expect(await admin.deadLetters.redrive({ subscription: 'mail' })).toEqual({ units: 0 });
    const actor = expect.stringMatching(/^token \d+$/);
    expect((await admin.deadLetters.get(id)).decisions).toEqual([
      expect.objectContaining({ decision: 'redrive', actor, correlationId: 'ticket-7' }),
    ]);
    handle = () => {
      throw new Error('no');
    };
    await runUntilIdle(server.tidemark);
    expect(await admin.deadLetters.discard({ ids: [id] })).toEqual({ units: 1 });
    expect(await admin.deadLetters.get(id)).toMatchObject({ state: 'cancelled', decisions: [{ decision: 'discard', actor }, {}] });
  });

  test('that are large are listed without their data', async () => {
    handle = () => {
      throw new Error('no');
    };
    const { messageId } = await publisher.publish('order-placed', { orderId: 'x'.repeat(5_000) });
    await runUntilIdle(server.tidemark);
    const { deadLetters } = await admin.deadLetters.list();
    expect(deadLetters[0]?.message).toMatchObject({ messageId, bytes: 5_014 });
    expect(deadLetters[0]?.message).not.toHaveProperty('data');
    expect(await admin.deadLetters.get(`delivery/mail/${messageId}`)).toMatchObject({ message: { data: { orderId: 'x'.repeat(5_000) } } });
  });
});
