/** What an application's own tests stand on: its work carried out on Postgres in this process, and what became of it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryBlobStore, createTidemark, defineEntryWork, defineJob, type Tidemark, UnavailableError } from '../../src/index.ts';
import { expectWork, runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { note, ORDER_TABLES, order, sendInvoice } from '../support/order-app.ts';

let database: TestDatabase;
let tidemark: Tidemark;
/** What the handlers of a test do, by the log. */
const behaviour = new Map<
  string,
  (context: { attempt: number; signal: AbortSignal; db: { query(text: string, values?: unknown[]): Promise<unknown> } }) => Promise<void>
>();

const flaky = defineEntryWork({
  name: 'flaky',
  maxAttempts: 3,
  async handler({ logId }, { db, attempt, signal }) {
    await db.query('insert into public.invoices (order_id, attempt) values ($1, $2)', [logId, attempt]);
    await behaviour.get(logId)?.({ attempt, signal, db });
  },
});

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query(ORDER_TABLES);
  tidemark = createTidemark({
    db: database.pool,
    logTypes: [order, note],
    entryWork: [sendInvoice, flaky],
    blobs: createMemoryBlobStore(),
  });
});

afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const newId = () => `o-${randomUUID().slice(0, 8)}`;
const place = (id: string, pending?: string) => tidemark.log(order, id).append({ type: 'Placed', qty: 2 }, { expect: 'any', pending });
const invoicesOf = async (id: string) => (await database.pool.query('select attempt from invoices where order_id = $1', [id])).rows;

describe("an application's own entry work", () => {
  test('takes effect once, together with clearing pending', async () => {
    const id = newId();
    await place(id, 'send-invoice');
    expect(await invoicesOf(id)).toEqual([]);
    await runUntilIdle(tidemark);
    await runUntilIdle(tidemark);
    expect(await invoicesOf(id)).toEqual([{ attempt: 1 }]);
    expect((await tidemark.log(order, id).eventLog.query('start', 'end')).entries).toEqual([{ type: 'Placed', qty: 2 }]);
    expect(await expectWork(tidemark, { log: id, workflow: 'send-invoice', state: 'done', count: 1 })).toMatchObject([
      { id: `send-invoice/${id}/0`, result: { billed: 2 }, attempt: 1 },
    ]);
  });

  test('that fails writes nothing in that attempt, and is tried again', async () => {
    const id = newId();
    behaviour.set(id, async ({ attempt }) => {
      if (attempt < 3) throw new Error('mail server says no');
    });
    await place(id, 'flaky');
    await runUntilIdle(tidemark);
    expect(await invoicesOf(id)).toEqual([{ attempt: 3 }]);
    await expectWork(tidemark, { log: id, state: 'done' });
  });

  test('that fails each time ends dead with its error, having written nothing, and its entry stays pending', async () => {
    const id = newId();
    behaviour.set(id, async () => {
      throw new Error('mail server says no');
    });
    await place(id, 'flaky');
    await runUntilIdle(tidemark);
    expect(await invoicesOf(id)).toEqual([]);
    const [unit] = await expectWork(tidemark, { log: id, state: 'dead' });
    expect(unit).toMatchObject({ attempt: 3, error: { message: 'mail server says no' } });
    expect((await tidemark.log(order, id).eventLog.query('start', 'end')).entries).toMatchObject([{ pending: 'flaky' }]);
  });

  test('may append and ask for more in its own transaction', async () => {
    const id = newId();
    behaviour.set(id, async ({ db }) => {
      await tidemark
        .in(db as never)
        .log(order, id)
        .append({ type: 'Shipped', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
    });
    await place(id, 'flaky');
    await runUntilIdle(tidemark);
    expect(await tidemark.log(order, id).state()).toEqual({ open: 1, entries: 2 });
    await expectWork(tidemark, { log: id, state: 'done', count: 2 });
  });

  test('on an entry of another log type than it is for is dead, saying so', async () => {
    const id = newId();
    await tidemark.log(note, id).append({ type: 'Wrote', text: 'x' }, { expect: 'any', pending: 'send-invoice' });
    await runUntilIdle(tidemark);
    const [unit] = await expectWork(tidemark, { log: id, state: 'dead' });
    expect(unit?.error?.message).toMatch(/is for entries of log type 'order'/);
  });
});

describe('runUntilIdle', () => {
  test('runs the units of one log in order, and logs in the order of their names', async () => {
    const base = newId();
    const seen: string[] = [];
    for (const id of [`${base}-10`, `${base}-2`]) {
      for (const _ of [1, 2]) {
        behaviour.set(id, async () => void seen.push(id));
        await place(id, 'flaky');
      }
    }
    await runUntilIdle(tidemark);
    expect(seen).toEqual([`${base}-2`, `${base}-10`, `${base}-2`, `${base}-10`]);
  });

  test('throws what a worker would wait out for ever, and leaves the unit to be tried again', async () => {
    const id = newId();
    let isDown = true;
    behaviour.set(id, async () => {
      if (isDown) throw new UnavailableError('The mail server does not answer.');
    });
    await place(id, 'flaky');
    await expect(runUntilIdle(tidemark)).rejects.toThrow(
      `flaky/${id}/0 fails for a reason that a worker would wait out: The mail server does not answer.`,
    );
    isDown = false;
    await runUntilIdle(tidemark);
    await expectWork(tidemark, { log: id, state: 'done' });
  });

  test('names a unit that does not end, and lets go of it', async () => {
    const id = newId();
    behaviour.set(id, () => new Promise(() => {}));
    await place(id, 'flaky');
    await expect(runUntilIdle(tidemark, { timeoutMs: 200 })).rejects.toThrow(`flaky/${id}/0 was still running when the time was up`);
    behaviour.delete(id);
    await runUntilIdle(tidemark);
    await expectWork(tidemark, { log: id, state: 'done' });
  });

  test('stops at work that asks for itself again', async () => {
    const id = newId();
    behaviour.set(id, async ({ db }) => {
      await tidemark
        .in(db as never)
        .log(order, id)
        .append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'flaky' });
    });
    await place(id, 'flaky');
    await expect(runUntilIdle(tidemark, { maxUnits: 20 })).rejects.toThrow(/Not idle after 21 units/);
    behaviour.delete(id);
    await runUntilIdle(tidemark);
  });

  test('says what is left when a group is paused, or no worker runs', async () => {
    const id = newId();
    await place(id, 'send-invoice');
    await database.pool.query("update tidemark.work_group set paused = true where name = 'order'");
    await expect(runUntilIdle(tidemark, { timeoutMs: 100 })).rejects.toThrow(
      new RegExp(`Is its group paused.*\\n  send-invoice/${id}/0: ready, not begun`),
    );
    await expect(runUntilIdle(tidemark, { timeoutMs: 100, by: 'workers' })).rejects.toThrow(/Is a worker running whose app defines them\?/);
    await database.pool.query("update tidemark.work_group set paused = false where name = 'order'");
    await runUntilIdle(tidemark);
  });

  test('of an application that does not define the work says what to add', async () => {
    const id = newId();
    await place(id, 'send-invoice');
    const other = createTidemark({ db: database.pool, logTypes: [order] });
    await expect(runUntilIdle(other)).rejects.toThrow(/this application defines no 'send-invoice'\. Add it to entryWork/);
    await runUntilIdle(tidemark);
    await expectWork(tidemark, { log: id, state: 'done' });
  });

  test('of an application that does not define the job says where to add it', async () => {
    const report = defineJob({ name: 'report', input: z.object({}), handler: () => undefined });
    const [its, other] = [[report], []].map((jobs) => createTidemark({ db: database.pool, jobs }));
    const { id } = (await its?.enqueue(report, {})) ?? {};
    await expect(runUntilIdle(other as Tidemark)).rejects.toThrow(
      /this application defines no job 'report'\. Add it to jobs of createTidemark/,
    );
    await runUntilIdle(its as Tidemark);
    expect((await its?.job(id as string).status())?.state).toBe('done');
  });

  test('needs connections: an adapter has to bring a pool', async () => {
    const adapter = createTidemark({
      db: { query: (text, values) => database.pool.query(text, values) },
      logTypes: [order],
      entryWork: [sendInvoice, flaky],
    });
    await expect(runUntilIdle(adapter)).rejects.toThrow(/give it \{ pool \}/);
    await runUntilIdle(adapter, { pool: database.pool });
  });
});

describe('expectWork', () => {
  test('says what is there instead', async () => {
    const id = newId();
    behaviour.set(id, async () => {
      throw new Error('mail server says no');
    });
    await place(id, 'flaky');
    await expect(expectWork(tidemark, { log: id, state: 'done' })).rejects.toThrow(
      `Expected work of log '${id}' to be done, but 1 of 1 is not. What matches:\n  flaky/${id}/0: ready, not begun`,
    );
    await runUntilIdle(tidemark);
    await expect(expectWork(tidemark, { id: `flaky/${id}/0`, state: 'done' })).rejects.toThrow(
      `Expected work 'flaky/${id}/0' to be done, but 1 of 1 is not. What matches:\n  flaky/${id}/0: dead, 3 attempts; handler_failed: mail server says no`,
    );
    await expect(expectWork(tidemark, { log: id, workflow: 'snapshot' })).rejects.toThrow(/but there is none\. What there is:/);
    await expect(expectWork(tidemark, { log: id, count: 2 })).rejects.toThrow(/Expected 2 work of log .*, but there is 1\./);
    await expectWork(tidemark, { log: id, workflow: 'snapshot', count: 0 });
  });

  test('looks again as long as it is told to', async () => {
    const id = newId();
    await place(id, 'send-invoice');
    const [, running] = await Promise.all([expectWork(tidemark, { log: id, state: 'done', withinMs: 10_000 }), runUntilIdle(tidemark)]);
    expect(running).toBeUndefined();
    await expect(expectWork(tidemark, { log: id, state: 'dead', withinMs: 50 })).rejects.toThrow(/within 50 ms/);
  });
});
