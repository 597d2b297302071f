/** What publishing promises, and what a worker of a subscription gets: with its database, without Temporal. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  applySubscriptions,
  createTidemark,
  defineTopics,
  defineWorker,
  InvalidInputError,
  type Message,
  type MessageContext,
  NonRetryableError,
  planSubscriptions,
  RetryAfterError,
} from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const topics = defineTopics({
  'order-placed': z.object({ orderId: z.string(), qty: z.coerce.number().int() }),
  'order-dead': z.object({ orderId: z.string(), qty: z.coerce.number().int() }),
  other: z.object({}),
});
type Placed = { orderId: string; qty: number };

let database: TestDatabase;
/** What each subscription does with a message; by default it notes it. */
let handle: (message: Message<Placed>, context: MessageContext) => unknown = () => {};
const got: { subscription: string; message: Message<Placed>; context: MessageContext }[] = [];
const handlerOf = (subscription: string) => (message: Message<Placed>, context: MessageContext) => {
  got.push({ subscription, message, context });
  return handle(message, context);
};
const mail = defineWorker(topics, {
  topic: 'order-placed',
  subscription: 'mail',
  handler: handlerOf('mail'),
  retry: { initialMs: 0 },
  deadLetter: { maxDeliveryAttempts: 3, topic: 'order-dead' },
});
const stock = defineWorker(topics, { topic: 'order-placed', subscription: 'stock', handler: handlerOf('stock'), retry: { initialMs: 0 } });
const buried = defineWorker(topics, { topic: 'order-dead', subscription: 'buried', handler: handlerOf('buried') });
const workers = [mail, stock, buried];
let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, topics, workers });

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query('create table public.effect (name text); grant all on public.effect to public');
  tidemark = create();
  await applySubscriptions(database.db, workers);
});
beforeEach(async () => {
  got.length = 0;
  handle = () => {};
  await database.ownerPool.query('truncate public.effect; delete from tidemark.work; delete from tidemark.message');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const deliveries = async () =>
  (await database.pool.query(`select id, group_name as "group", state from tidemark.work where workflow = 'delivery' order by id`)).rows;
const order = (qty: number | string = 1): Placed => ({ orderId: randomUUID(), qty: qty as number });
const effects = async () => (await database.pool.query('select name from public.effect order by name')).rows.map((row) => row.name);

describe('publishing', () => {
  test('commits the message and a delivery for each subscription of its topic with the transaction', async () => {
    const { messageId, deliveries: to } = await tidemark.transaction(async ({ tx, publish }) => {
      await tx.query(`insert into public.effect values ('row')`);
      return publish('order-placed', order());
    });
    expect(to).toBe(2);
    expect(await deliveries()).toEqual([
      { id: `delivery/mail/${messageId}`, group: 'mail', state: 'ready' },
      { id: `delivery/stock/${messageId}`, group: 'stock', state: 'ready' },
    ]);
    expect(await effects()).toEqual(['row']);
  });

  test('leaves nothing where the transaction rolls back', async () => {
    const failing = tidemark.transaction(async ({ publish }) => {
      await publish('order-placed', order());
      throw new Error('card declined');
    });
    await expect(failing).rejects.toThrow('card declined');
    expect(await deliveries()).toEqual([]);
    expect((await database.pool.query('select 1 from tidemark.message')).rows).toEqual([]);
  });

  test('refuses a payload that is not of the topic, says where, and leaves the transaction usable', async () => {
    await tidemark.transaction(async ({ tx, publish }) => {
      await expect(publish('order-placed', { orderId: 7 } as never)).rejects.toThrow(
        /^A message of topic 'order-placed' is refused: orderId: .*string.*; qty: /,
      );
      await expect(publish('nowhere' as never, {} as never)).rejects.toThrow(
        "Topic 'nowhere' is not defined (order-placed, order-dead, other)",
      );
      await expect(publish('order-placed', order(), { orderingKey: '' })).rejects.toThrow("orderingKey '' cannot be used");
      await tx.query(`insert into public.effect values ('after')`);
    });
    expect(await effects()).toEqual(['after']);
    expect(await deliveries()).toEqual([]);
  });

  test('twice under one key is one message', async () => {
    const key = randomUUID();
    const first = await tidemark.publish('order-placed', order(), { dedupeKey: key });
    const [second, elsewhere] = [
      await tidemark.publish('order-placed', order(), { dedupeKey: key }),
      await tidemark.publish('other', {}, { dedupeKey: key }),
    ];
    expect(second).toEqual({ messageId: first.messageId, deliveries: 0, isDuplicate: true });
    expect(elsewhere).toMatchObject({ deliveries: 0, isDuplicate: false });
    expect(await deliveries()).toHaveLength(2);
  });

  test('at the same moment under one key is one message', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => tidemark.publish('order-placed', order(), { dedupeKey: key })));
    expect(new Set(answers.map((answer) => answer.messageId)).size).toBe(1);
    expect(answers.filter((answer) => !answer.isDuplicate)).toHaveLength(1);
    expect(await deliveries()).toHaveLength(2);
  });
});

describe('a worker', () => {
  test('gets the message once for each subscription, as its topic reads it', async () => {
    const sent = order('12');
    const { messageId } = await tidemark.transaction(
      ({ publish }) => publish('order-placed', sent, { attributes: { source: 'web' }, correlationId: 'c-1' }),
      { actor: 'ines' },
    );
    await runUntilIdle(tidemark);
    expect(got.map(({ subscription }) => subscription).sort()).toEqual(['mail', 'stock']);
    expect(got[0]?.message).toEqual({
      messageId,
      topic: 'order-placed',
      data: { ...sent, qty: 12 },
      publishedAt: expect.any(Date),
      attributes: { source: 'web' },
      actor: 'ines',
      correlationId: 'c-1',
    });
    expect(got.map(({ context }) => context.idempotencyKey).sort()).toEqual([`delivery/mail/${messageId}`, `delivery/stock/${messageId}`]);
  });

  test('writes in the transaction of the end: what a failed attempt wrote or published is not there', async () => {
    handle = async ({ topic }, { db, publish, attempt }) => {
      if (topic !== 'order-placed') return;
      await db.query(`insert into public.effect values ('attempt-' || $1::text)`, [attempt]);
      await publish('other', {});
      if (attempt < 2) throw new Error('not yet');
    };
    await tidemark.publish('order-placed', order());
    await runUntilIdle(tidemark);
    expect(await effects()).toEqual(['attempt-2', 'attempt-2']);
    const { rows } = await database.pool.query(`select causation_id from tidemark.message where topic = 'other' order by 1`);
    expect(rows).toEqual([
      { causation_id: expect.stringMatching(/^delivery\/mail\//) },
      { causation_id: expect.stringMatching(/^delivery\/stock\//) },
    ]);
  });

  test('is dead after exactly as many failed attempts as it may have, with its error, and is published on its dead letter topic', async () => {
    handle = ({ topic }, { idempotencyKey }) => {
      if (topic === 'order-placed' && idempotencyKey.includes('/mail/')) throw new Error('no such address');
    };
    const sent = order(3);
    const { messageId } = await tidemark.publish('order-placed', sent, { attributes: { source: 'web' } });
    await runUntilIdle(tidemark);
    expect(got.filter(({ subscription }) => subscription === 'mail').map(({ context }) => context.attempt)).toEqual([1, 2, 3]);
    const { rows } = await database.pool.query(`select state, error from tidemark.work where id = $1`, [`delivery/mail/${messageId}`]);
    expect(rows).toEqual([
      { state: 'dead', error: expect.objectContaining({ code: 'handler_failed', message: 'no such address', stack: expect.any(String) }) },
    ]);
    expect(got.filter(({ subscription }) => subscription === 'buried').map(({ message }) => message)).toEqual([
      expect.objectContaining({
        data: sent,
        attributes: expect.objectContaining({
          source: 'web',
          deadLetterSubscription: 'mail',
          deadLetterMessageId: messageId,
          deadLetterAttempts: '3',
        }),
      }),
    ]);
  });

  test('gives up at once where its error says so, and waits as long as another says', async () => {
    handle = ({ data }, { idempotencyKey }) => {
      if (!idempotencyKey.includes('/mail/')) return;
      if (data.qty === 1) throw new NonRetryableError('gone');
      throw new RetryAfterError('busy', 60_000);
    };
    const gone = await tidemark.publish('order-placed', order(1));
    const busy = await tidemark.publish('order-placed', order(2));
    await runUntilIdle(tidemark);
    const { rows } = await database.pool.query(
      `select id, state, error ->> 'code' as code, not_before > now() + interval '50 seconds' as waits
       from tidemark.work where group_name = 'mail' order by message_id_of`.replace('message_id_of', 'tidemark.delivery_message_id(id)'),
    );
    expect(rows).toEqual([
      { id: `delivery/mail/${gone.messageId}`, state: 'dead', code: 'non_retryable', waits: false },
      { id: `delivery/mail/${busy.messageId}`, state: 'ready', code: 'retry_after', waits: true },
    ]);
  });

  test('does an effect of a transaction of its own once, whatever comes again', async () => {
    let attempts = 0;
    handle = async (_, { once, idempotencyKey }) => {
      if (!idempotencyKey.includes('/mail/')) return;
      await tidemark.transaction(async ({ tx }) => {
        if (await once(tx)) await tx.query(`insert into public.effect values ('once')`);
      });
      attempts += 1;
      if (attempts < 3) throw new Error('after the effect');
    };
    await tidemark.publish('order-placed', order());
    await runUntilIdle(tidemark);
    expect(attempts).toBe(3);
    expect(await effects()).toEqual(['once']);
  });

  test('has a message that its topic cannot read dead at once, with what was published kept', async () => {
    const { messageId } = await tidemark.publish('order-placed', order());
    await database.ownerPool.query(`update tidemark.message set data = '{"orderId": 5}' where id = $1`, [messageId]);
    await runUntilIdle(tidemark);
    expect(got).toEqual([]);
    const { rows } = await database.pool.query(`select attempt, error from tidemark.work where id = $1 and state = 'dead'`, [
      `delivery/mail/${messageId}`,
    ]);
    expect(rows).toEqual([{ attempt: 1, error: expect.objectContaining({ message: expect.stringContaining('orderId: ') }) }]);
  });
});

describe('subscriptions', () => {
  test('are planned and applied: new ones get what is published later, and what differs is named', async () => {
    const more = defineWorker(topics, { topic: 'other', subscription: 'more', handler: () => {}, maxMessages: 4 });
    const before = await tidemark.publish('other', {});
    expect(before.deliveries).toBe(0);
    expect(await planSubscriptions(database.db, [...workers, more])).toContainEqual({
      subscription: 'more',
      change: 'create',
      differences: {},
      backlog: 0,
    });
    await applySubscriptions(database.db, [...workers, more]);
    expect((await tidemark.publish('other', {})).deliveries).toBe(1);
    const changed = { ...more, maxMessages: 5, messageTtlMs: 1_000 };
    expect(
      (await planSubscriptions(database.db, [mail, changed])).map(({ subscription, change, differences, backlog }) => ({
        subscription,
        change,
        differences,
        backlog,
      })),
    ).toEqual([
      { subscription: 'buried', change: 'unknown', differences: {}, backlog: 0 },
      { subscription: 'mail', change: 'none', differences: {}, backlog: 0 },
      {
        subscription: 'more',
        change: 'update',
        differences: { maxMessages: { is: 4, wanted: 5 }, messageTtlMs: { is: null, wanted: 1_000 } },
        backlog: 1,
      },
      { subscription: 'stock', change: 'unknown', differences: {}, backlog: 0 },
    ]);
  });

  test.each([
    [{ subscription: 'No Name' }, "'No Name' is not a subscription"],
    [{ topic: 'nowhere' }, "is of topic 'nowhere', which is not defined"],
    [{ deadLetter: { topic: 'nowhere' } }, "is of topic 'nowhere', which is not defined"],
    [{ maxMessages: 0 }, "maxMessages of subscription 'x' is 0: use a whole number from 1 to 10000"],
    [{ ackDeadlineMs: 1.5 }, "ackDeadlineMs of subscription 'x' is 1.5"],
    [{ retry: { factor: 0.5 } }, "retry.factor of subscription 'x' is 0.5: use a number from 1 to 100"],
    [{ onPoison: 'stop' }, "onPoison of subscription 'x' is 'stop': use 'block' or 'skip'"],
    [{ handler: undefined }, "Subscription 'x' has no handler"],
  ])('that are wrong are refused when they are defined: %o', (options, message) => {
    const define = () => defineWorker(topics, { topic: 'other', subscription: 'x', handler: () => {}, ...(options as object) });
    expect(define).toThrow(InvalidInputError);
    expect(define).toThrow(message);
  });

  test('of one name are refused', () => {
    expect(() => createTidemark({ db: database.pool, topics, workers: [mail, { ...mail }] })).toThrow(
      "The subscription 'mail' is defined twice",
    );
  });
});
