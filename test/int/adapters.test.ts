/** Tidemark in the transactions of an application's own library, each on its own driver: nothing is lost or doubled, and values are written as pg writes them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  applySubscriptions,
  binary,
  ConflictError,
  createLog,
  createTidemark,
  defineJob,
  defineLogType,
  defineTopics,
  defineWorker,
  InvalidInputError,
  QueueFullError,
} from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { clientAdapter } from '../support/client-adapter.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { DATABASE_LIBRARIES, type DatabaseLibrary } from '../support/database-libraries.ts';

/** What a library could take for something of its own. */
const AWKWARD = `$1 ? ?? \\? :name ::text '"\\\\ {1,2} [NULL] ünïcødé 🌊\n\t`;
const CAUGHT =
  'A statement of this transaction failed and its error was caught: nothing can be committed. Let the error pass, or use a savepoint.';
const BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);

const note = defineLogType({
  type: 'note',
  version: 1,
  snapshotEvery: 3,
  entry: z.object({ type: z.literal('Wrote'), text: z.string(), tags: z.array(z.string().nullable()) }),
  initial: () => ({ texts: [] as string[] }),
  apply: ({ texts }, { text }) => ({ texts: [...texts, text] }),
});
const topics = defineTopics({ 'order-placed': z.object({ id: z.string(), lines: z.array(z.any()) }), 'image-taken': binary() });
const delivered: unknown[] = [];
const workers = [
  defineWorker(topics, {
    topic: 'order-placed',
    subscription: 'orders',
    handler: (message) => void delivered.push([message.data, message.attributes]),
  }),
  defineWorker(topics, {
    topic: 'image-taken',
    subscription: 'images',
    parseMessage: (bytes) => Uint8Array.from(bytes),
    handler: ({ data }) => void delivered.push(data),
  }),
];
const invoice = defineJob({
  name: 'invoice',
  input: z.object({ id: z.string(), lines: z.array(z.any()) }),
  maxWaitingPerActor: 1,
  handler: (input) => input,
});

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query('create table public.orders (id text primary key); grant all on public.orders to public');
  await applySubscriptions(database.db, workers);
});
afterAll(() => database?.drop());

const counts = async () =>
  (
    await database.ownerPool.query(`select (select count(*)::integer from public.orders) as orders,
      (select count(*)::integer from tidemark.message) as messages, (select count(*)::integer from tidemark.entries) as entries,
      (select count(*)::integer from tidemark.work where workflow = 'job') as jobs`)
  ).rows[0];

describe.each(Object.entries(DATABASE_LIBRARIES))('in a transaction of %s', (_, open) => {
  let library: DatabaseLibrary;
  let tidemark: ReturnType<typeof create>;
  const create = () => createTidemark({ db: library.db, logTypes: [note], topics, workers, jobs: [invoice] });

  beforeAll(async () => {
    library = await open(database.appUrl);
    tidemark = create();
  });
  afterAll(async () => {
    await tidemark?.close();
    await library?.close();
  });
  beforeEach(async () => {
    delivered.length = 0;
    await database.ownerPool.query(
      'delete from public.orders; delete from tidemark.work; delete from tidemark.logs; delete from tidemark.job_dedupe; delete from tidemark.message',
    );
    await createLog(database.pool, { id: 'n1', type: 'note', snapshotEvery: 3 });
  });

  /** An order, and all that there is to ask for with it. */
  const askForAll = () =>
    library.transaction(async (tx, insertOrder) => {
      const { log, publish, enqueue } = tidemark.in(tx, { actor: 'ann' });
      await insertOrder('o1');
      await log(note, 'n1').append({ type: 'Wrote', text: 'hello', tags: [] }, { expect: 'any' });
      await publish('order-placed', { id: 'o1', lines: [] });
      return enqueue(invoice, { id: 'o1', lines: [] });
    });

  test('a commit leaves what it asked for, a rollback nothing', async () => {
    const lost = library.transaction(async (tx, insertOrder) => {
      const { log, publish, enqueue } = tidemark.in(tx);
      await insertOrder('o1');
      await log(note, 'n1').append({ type: 'Wrote', text: 'hello', tags: [] }, { expect: 'any' });
      await publish('order-placed', { id: 'o1', lines: [] });
      await enqueue(invoice, { id: 'o1', lines: [] });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    expect(await counts()).toEqual({ orders: 0, messages: 0, entries: 0, jobs: 0 });
    await askForAll();
    expect(await counts()).toEqual({ orders: 1, messages: 1, entries: 1, jobs: 1 });
  });

  test('what is refused leaves the transaction usable', async () => {
    const job = await library.transaction(async (tx, insertOrder) => {
      const { log, publish, enqueue } = tidemark.in(tx, { actor: 'ann' });
      const notes = log(note, 'n1');
      await notes.append({ type: 'Wrote', text: 'first', tags: [] }, { expect: 0n });
      await expect(notes.append({ type: 'Wrote', text: 'late', tags: [] }, { expect: 0n })).rejects.toThrow(ConflictError);
      await expect(publish('order-placed', { id: 7 } as never)).rejects.toThrow(InvalidInputError);
      await expect(enqueue(invoice, {} as never)).rejects.toThrow(InvalidInputError);
      const enqueued = await enqueue(invoice, { id: 'o1', lines: [] }, { id: 'same' });
      await expect(enqueue(invoice, { id: 'o2', lines: [] })).rejects.toThrow(QueueFullError);
      expect((await enqueue(invoice, { id: 'o3', lines: [] }, { id: 'same' })).answer).toBe('ignored');
      await insertOrder('o1');
      return enqueued;
    });
    expect(await counts()).toEqual({ orders: 1, messages: 0, entries: 1, jobs: 1 });
    expect((await job.status()).input).toEqual({ id: 'o1', lines: [] });
  });

  test('values arrive as they were given, and come back as pg gives them', async () => {
    const notBefore = new Date(Date.now() - 3_600_000);
    const lines = [AWKWARD, null, 0.1, [1, [2]], { '?': '$2' }];
    const tags = [AWKWARD, null, ''];
    const job = await library.transaction(async (tx) => {
      const { log, publish, enqueue } = tidemark.in(tx);
      const notes = log(note, 'n1');
      await notes.append(
        [1, 2, 3, 4].map((number) => ({ type: 'Wrote' as const, text: `${number} ${AWKWARD}`, tags })),
        { expect: 'any' },
      );
      expect((await notes.state()).texts).toHaveLength(4);
      await publish('order-placed', { id: AWKWARD, lines }, { attributes: { note: AWKWARD }, notBefore, orderingKey: AWKWARD });
      await publish('image-taken', BYTES);
      return enqueue(invoice, { id: AWKWARD, lines }, { id: `${AWKWARD}1`, actor: AWKWARD, notBefore, priority: -3 });
    });
    const { rows } = await database.pool.query(
      `select data ->> 'text' as text, data -> 'tags' as tags, pending from tidemark.entries order by 1`,
    );
    expect(rows.map(({ text }) => text)).toEqual([1, 2, 3, 4].map((number) => `${number} ${AWKWARD}`));
    expect(rows.map((row) => row.tags)).toEqual([tags, tags, tags, tags]);
    expect(rows.map(({ pending }) => pending)).toEqual([null, null, null, 'snapshot']);
    const status = await job.status();
    expect(status).toMatchObject({ input: { id: AWKWARD, lines }, actor: AWKWARD, priority: -3, state: 'waiting', notBefore });
    expect(Math.abs(Date.now() - status.enqueuedAt.getTime())).toBeLessThan(60_000);
    expect((await tidemark.listJobs({ name: 'invoice' })).jobs).toMatchObject([{ id: job.id, enqueuedAt: status.enqueuedAt }]);

    await database.ownerPool.query(`delete from tidemark.work where workflow = 'snapshot'`);
    await runUntilIdle(tidemark, { pool: database.pool });
    expect(await job.result()).toEqual({ id: AWKWARD, lines });
    expect(delivered).toHaveLength(2);
    expect(delivered).toEqual(expect.arrayContaining([[{ id: AWKWARD, lines }, { note: AWKWARD }], BYTES]));
  });

  test('Tidemark begins one of its own, and what Postgres refuses keeps its code', async () => {
    await tidemark.transaction(async ({ tx, publish }) => {
      const { rows } = await tx.query('select $1::bigint as big, $2::text[] as list, $1::bigint + 1 as more, $3::bytea as bytes', [
        '9007199254740993',
        ['a', null, AWKWARD],
        Buffer.from(BYTES),
      ]);
      expect(rows).toEqual([{ big: '9007199254740993', list: ['a', null, AWKWARD], more: '9007199254740994', bytes: expect.anything() }]);
      expect(Uint8Array.from(rows[0].bytes)).toEqual(BYTES);
      const asked = await tx.query(`select $2::jsonb ? $1::text as has, '{"a":1}'::jsonb ? 'b' as "hasNot"`, ['a', '{"a":1}']);
      expect(asked.rows).toEqual([{ has: true, hasNot: false }]);
      await tx.query('insert into public.orders (id) values ($1)', ['o1']);
      expect((await tx.query('update public.orders set id = $2 where id = $1 returning id', ['o1', 'o2'])).rows).toEqual([{ id: 'o2' }]);
      await publish('order-placed', { id: 'o1', lines: [] });
    });
    const failed = tidemark.transaction(async ({ tx, publish }) => {
      await publish('order-placed', { id: 'o2', lines: [] });
      await tx.query('insert into public.orders (id) values ($1)', [null]);
    });
    await expect(failed).rejects.toMatchObject({ code: '23502' });
    expect(await counts()).toMatchObject({ orders: 1, messages: 1 });
  });

  test('where a statement has failed nothing is said to be committed, though its error was caught', async () => {
    await library.transaction((_, insertOrder) => insertOrder('o1'));
    const kept = tidemark.transaction(async ({ tx, enqueue }) => {
      const job = await enqueue(invoice, { id: 'o2', lines: [] });
      await tx.query('insert into public.orders (id) values ($1)', ['o1']).catch(() => {});
      return job;
    });
    await expect(kept).rejects.toThrow(new InvalidInputError(CAUGHT));
    expect(await counts()).toMatchObject({ orders: 1, jobs: 0 });

    await tidemark.transaction(async ({ tx, enqueue }) => {
      await tx.query('savepoint audit');
      await tx.query('insert into public.orders (id) values ($1)', ['o1']).catch(() => tx.query('rollback to savepoint audit'));
      return enqueue(invoice, { id: 'o2', lines: [] });
    });
    expect(await counts()).toMatchObject({ orders: 1, jobs: 1 });
  });

  test('a starter hears of it at once', async () => {
    const listener = await database.ownerPool.connect();
    try {
      const heard = new Promise((resolve) => listener.once('notification', resolve));
      await listener.query('listen tidemark_wake');
      await tidemark.transaction(({ enqueue }) => enqueue(invoice, { id: 'o1', lines: [] }));
      await heard;
    } finally {
      listener.release(true);
    }
  });
});

test('so it is for an adapter that hands out a client of pg', async () => {
  const tidemark = createTidemark({ db: clientAdapter(database.pool), jobs: [invoice] });
  const kept = tidemark.transaction(({ tx }) => tx.query('select 1 / 0').catch(() => 'went on'));
  await expect(kept).rejects.toThrow(new InvalidInputError(CAUGHT));
  expect(await tidemark.transaction(({ tx }) => tx.query('select 1 as one'))).toMatchObject({ rows: [{ one: 1 }] });
  await tidemark.close();
});
