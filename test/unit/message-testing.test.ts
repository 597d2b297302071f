/** The test kit for messages, where it needs no database: a handler called directly, and an application in memory. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  binary,
  defineTopics,
  defineWorker,
  type MessageContext,
  messageToJson,
  NonRetryableError,
  triggerTypedEvent,
} from '../../src/index.ts';
import {
  createHarness,
  createMemoryTidemark,
  deliver,
  expectRegistered,
  expectSuccessfulTypedBackground,
  expectWork,
} from '../../src/testing.ts';

const topics = defineTopics({
  placed: z.object({ id: z.string(), qty: z.coerce.number() }),
  shipped: z.object({ id: z.string() }),
  dead: z.unknown(),
  raw: binary(),
});
type Placed = { id: string; qty: number };

function createWorker(handler: (data: Placed, context: MessageContext) => unknown, options: object = {}) {
  return defineWorker(topics, {
    topic: 'placed',
    subscription: 'stock',
    handler: ({ data }, context) => handler(data, context),
    ...options,
  });
}

describe('deliver', () => {
  test('runs the handler once with what a delivery has, and says what it did', async () => {
    const worker = defineWorker(topics, {
      topic: 'placed',
      subscription: 'stock',
      async handler(message, { db, publish, logger, heartbeat, attempt, idempotencyKey, once }) {
        logger.info('counting', { qty: message.data.qty });
        await heartbeat();
        await publish('shipped', { id: message.data.id }, { orderingKey: 'o' });
        return [message.messageId, message.topic, attempt, idempotencyKey, await once(db), await once(db)];
      },
    });
    expect(await deliver(worker, { id: 'o1', qty: 2 }, { messageId: '7', attempt: 3 })).toEqual({
      result: ['7', 'placed', 3, 'delivery/stock/7', true, false],
      published: [{ topic: 'shipped', payload: { id: 'o1' }, options: { orderingKey: 'o' } }],
      logs: [{ level: 'info', text: 'counting', fields: { qty: 2, messageId: '7', subscription: 'stock', attempt: 3 } }],
      heartbeats: 1,
    });
  });

  test('throws what the handler throws, and what it needs that is not there', async () => {
    const failing = createWorker(() => {
      throw new NonRetryableError('no such order');
    });
    await expect(deliver(failing, { id: 'o1', qty: 1 })).rejects.toThrow(NonRetryableError);
    const writing = createWorker((_, { db }) => db.query('select 1'));
    await expect(deliver(writing, { id: 'o1', qty: 1 })).rejects.toThrow('There is no database here. Give deliver({ app }), or { db }.');
  });

  test('gives a worker of batches an array of one, and throws what it fails the message with', async () => {
    const sizes: number[] = [];
    const worker = defineWorker(topics, {
      topic: 'placed',
      subscription: 'many',
      batch: { max: 10, waitMs: 0 },
      handler: (messages, { fail }) => {
        sizes.push(messages.length);
        for (const message of messages) if (message.data.qty > 1) fail(message, new Error('too many'));
      },
    });
    await deliver(worker, { id: 'o1', qty: 1 });
    expect(sizes).toEqual([1]);
    await expect(deliver(worker, { id: 'o1', qty: 2 })).rejects.toThrow('too many');
  });

  test('ends at the deadline of the worker, though the handler does not', async () => {
    const endless = createWorker(() => new Promise(() => {}), { ackDeadlineMs: 20 });
    await expect(deliver(endless, { id: 'o1', qty: 1 })).rejects.toThrow(/timeout/);
  });

  test('expectSuccessfulTypedBackground names the worker that failed, and keeps why', async () => {
    await expectSuccessfulTypedBackground(
      createWorker(() => {}),
      { id: 'o1', qty: 1 },
    );
    const cause = new Error('mail server says no');
    const failing = createWorker(() => Promise.reject(cause));
    await expect(expectSuccessfulTypedBackground(failing, { id: 'o1', qty: 1 })).rejects.toMatchObject({
      name: 'AssertionError',
      message: "Expected 'stock' to handle the message, but it failed: mail server says no",
      cause,
    });
  });
});

describe('an application in memory', () => {
  test('delivers what it publishes to every worker of the topic, as the topic reads it', async () => {
    const seen: unknown[] = [];
    const workers = ['a', 'b'].map((subscription) =>
      defineWorker(topics, {
        topic: 'placed',
        subscription,
        handler: ({ data, attributes, actor }, { attempt }) => void seen.push([subscription, data, attributes, actor, attempt]),
      }),
    );
    const app = createMemoryTidemark({ topics, workers, defaults: { actor: 'system' } });
    const harness = await createHarness(app);
    const published = await harness.publish('placed', { id: 'o1', qty: '2' }, { attributes: { from: 'web' }, dedupeKey: 'k' });
    expect(published).toEqual({ messageId: '1', deliveries: 2, isDuplicate: false });
    expect(await harness.publish('placed', { id: 'o1', qty: '2' }, { dedupeKey: 'k' })).toMatchObject({
      messageId: '1',
      isDuplicate: true,
    });
    await expect(harness.publish('placed', { id: 7 } as never)).rejects.toThrow("A message of topic 'placed' is refused: id");
    expect(seen).toEqual([]);
    await harness.drain();
    await harness.drain();
    expect(seen).toEqual([
      ['a', { id: 'o1', qty: 2 }, { from: 'web' }, 'system', 1],
      ['b', { id: 'o1', qty: 2 }, { from: 'web' }, 'system', 1],
    ]);
    await harness.expect({ subscription: 'a', messageId: '1', count: 1 });
    await expect(harness.expect({ subscription: 'c' })).rejects.toThrow("work 'delivery' in group 'c' to be done, but there is none");
  });

  test('tries again what fails, publishes what ends well, and tells a dead letter topic of what does not', async () => {
    const seen: string[] = [];
    const stock = createWorker(
      async ({ id }, { publish, attempt, once, db }) => {
        await publish('shipped', { id: `${id} ${attempt}` });
        seen.push(`${id} ${attempt} ${await once(db)}`);
        if (id === 'bad' || attempt === 1) throw new Error('not yet');
      },
      { deadLetter: { maxDeliveryAttempts: 2, topic: 'dead' } },
    );
    const shipped = defineWorker(topics, {
      topic: 'shipped',
      subscription: 'shipped',
      handler: ({ data }, { db, attempt }) => (attempt === 1 ? triggerTypedEvent(db, 'dead', { note: data.id }) : undefined),
    });
    const buried = defineWorker(topics, {
      topic: 'dead',
      subscription: 'buried',
      handler: ({ data, attributes }) => void seen.push(`${JSON.stringify(data)} ${attributes.deadLetterAttempts ?? ''}`),
    });
    const app = createMemoryTidemark({ topics, workers: [stock, shipped, buried] });
    const harness = await createHarness(app);
    await app.publish('placed', { id: 'good', qty: 1 });
    await app.publish('placed', { id: 'bad', qty: 1 });
    await harness.drain();
    expect(seen).toEqual(['good 1 true', 'good 2 true', 'bad 1 true', 'bad 2 true', '{"id":"bad","qty":1} 2', '{"note":"good 2"} ']);
    const [dead] = await harness.expect({ subscription: 'stock', messageId: '2', state: 'dead' });
    expect(dead).toMatchObject({ attempt: 2, error: { message: 'not yet' } });
  });

  test('has what cannot be read dead at once, what is too late expired, and what is for later left alone', async () => {
    const seen: unknown[] = [];
    const raw = defineWorker(topics, {
      topic: 'raw',
      subscription: 'raw',
      parseMessage: messageToJson,
      handler: ({ data }) => void seen.push(data),
    });
    const app = createMemoryTidemark({ topics, workers: [raw] });
    const harness = await createHarness(app);
    await app.publish('raw', Buffer.from('{'));
    await app.publish('raw', Buffer.from('1'), { notBefore: new Date(Date.now() + 60_000) });
    await app.publish('raw', Buffer.from('2'), { notBefore: new Date(Date.now() - 60_000), messageTtlMs: 60_000 });
    await harness.drain();
    expect(seen).toEqual([2]);
    await harness.expect({ subscription: 'raw', messageId: '1', state: 'dead' });
    await harness.expect({ subscription: 'raw', messageId: '2', state: 'ready' });
    const expiring = createMemoryTidemark({ topics, workers: [raw] });
    await expiring.publish('raw', Buffer.from('3'), { messageTtlMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await (await createHarness(expiring)).drain();
    await expectWork(expiring, { group: 'raw', state: 'expired' });
  });

  test('holds what is behind a dead message in a key that it blocks', async () => {
    const seen: string[] = [];
    const stock = createWorker(
      ({ id }) => {
        seen.push(id);
        if (id === 'bad') throw new NonRetryableError('bad');
      },
      { enableMessageOrdering: true, onPoison: 'block' },
    );
    const app = createMemoryTidemark({ topics, workers: [stock] });
    for (const [id, orderingKey] of [
      ['bad', 'k'],
      ['behind', 'k'],
      ['elsewhere', 'l'],
    ] as const) {
      await app.publish('placed', { id, qty: 1 }, { orderingKey });
    }
    const harness = await createHarness(app);
    await harness.drain();
    expect(seen).toEqual(['bad', 'elsewhere']);
    await harness.expect({ subscription: 'stock', messageId: '2', state: 'waiting' });
  });

  test('has no faults: they need a transaction that can be lost', async () => {
    const harness = await createHarness(createMemoryTidemark({ topics, workers: [] }));
    await expect(harness.drain({ faults: [{ subscription: 'a', fault: 'duplicate' }] })).rejects.toThrow(
      'Faults are for an application on Postgres',
    );
  });
});

test('expectRegistered says which worker is not listed, or listed as another', () => {
  const stock = createWorker(() => {});
  const app = createMemoryTidemark({ topics, workers: [stock] });
  expectRegistered(app, stock);
  expectRegistered(app, 'stock');
  expect(() => expectRegistered(app, 'mail')).toThrow("Subscription 'mail' is not registered (stock). Add its worker");
  expect(() => expectRegistered(app, { ...stock })).toThrow("'stock' is registered with another worker than this one");
});
