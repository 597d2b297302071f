/** What a transaction of an application promises: all or nothing with its own statements, a hint after it, usable after a refusal. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConflictError, createTidemark, InvalidInputError, SetupError, type Tidemark, UnknownWorkflowError } from '../../src/index.ts';
import { listen } from '../../src/postgres/listen.ts';
import { createPool } from '../../src/postgres/pool.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { clientAdapter } from '../support/client-adapter.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { note, ORDER_TABLES, order, sendInvoice } from '../support/order-app.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let tidemark: Tidemark;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query(ORDER_TABLES);
  tidemark = createTidemark({ db: database.pool, logTypes: [order, note], entryWork: [sendInvoice] });
});

afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const newId = () => `o-${randomUUID().slice(0, 8)}`;
const rowsOf = async (sql: string, values: unknown[] = []) => (await database.pool.query(sql, values)).rows;
const ordersOf = (id: string) => rowsOf('select id from orders where id = $1', [id]);
const workOf = (id: string) => rowsOf('select id, state from tidemark.work where log_id = $1', [id]);

describe('a transaction', () => {
  test('commits rows of its own, entries and the work they ask for together', async () => {
    const id = newId();
    const answer = await tidemark.transaction(async ({ tx, log }) => {
      await tx.query('insert into orders (id) values ($1)', [id]);
      await log(order, id).append({ type: 'Placed', qty: 2 }, { expect: 'any', pending: 'send-invoice' });
      expect(await database.pool.query('select 1 from tidemark.logs where id = $1', [id])).toMatchObject({ rows: [] });
      return 'placed';
    });
    expect(answer).toBe('placed');
    expect(await ordersOf(id)).toHaveLength(1);
    expect(await tidemark.log(order, id).state()).toEqual({ open: 2, entries: 1 });
    expect(await workOf(id)).toEqual([{ id: `send-invoice/${id}/0`, state: 'ready' }]);
  });

  test('that throws leaves nothing behind: no row, no log, no entry, no work', async () => {
    const id = newId();
    const failing = tidemark.transaction(async ({ tx, log }) => {
      await tx.query('insert into orders (id) values ($1)', [id]);
      await log(order, id).append({ type: 'Placed', qty: 2 }, { expect: 'any', pending: 'send-invoice' });
      throw new Error('card declined');
    });
    await expect(failing).rejects.toThrow('card declined');
    expect(await ordersOf(id)).toEqual([]);
    expect(await workOf(id)).toEqual([]);
    expect(await tidemark.log(order, id).exists()).toBe(false);
  });

  test('reads its own entries before they are committed, others do not', async () => {
    const id = newId();
    await tidemark.transaction(async ({ log }) => {
      await log(order, id).append(
        [
          { type: 'Placed', qty: 5 },
          { type: 'Shipped', qty: 1 },
        ],
        { expect: 0n },
      );
      expect(await log(order, id).read()).toEqual({ state: { open: 4, entries: 2 }, sequenceId: 2n });
      expect(await tidemark.log(order, id).read()).toEqual({ state: { open: 0, entries: 0 }, sequenceId: 0n });
    });
    expect(await tidemark.log(order, id).read()).toEqual({ state: { open: 4, entries: 2 }, sequenceId: 2n });
  });

  test('goes on after each kind of refused append', async () => {
    const id = newId();
    await tidemark.log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 0n });
    const noteId = newId();
    await tidemark.log(note, noteId).append({ type: 'Wrote', text: 'hello' }, { expect: 0n });
    await tidemark.transaction(async ({ tx, log }) => {
      const conflict = await log(order, id)
        .append({ type: 'Placed', qty: 1 }, { expect: 7n })
        .catch((error) => error);
      expect(conflict).toBeInstanceOf(ConflictError);
      expect(conflict.nextSequenceId).toBe(1n);
      await expect(log(order, newId()).append({ type: 'Placed', qty: 1 }, { expect: 3n })).rejects.toMatchObject({
        code: 'conflict',
        nextSequenceId: 0n,
      });
      await expect(log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'no-such-work' })).rejects.toThrow(
        UnknownWorkflowError,
      );
      await expect(log(order, id).append({ type: 'Placed', qty: 0 }, { expect: 'any' })).rejects.toThrow(InvalidInputError);
      await expect(log(order, noteId).append({ type: 'Placed', qty: 1 }, { expect: 'any' })).rejects.toThrow(
        /is of type 'note', not 'order'/,
      );
      await log(order, id).append({ type: 'Placed', qty: 10 }, { expect: 1n });
      await tx.query('insert into orders (id) values ($1)', [id]);
    });
    expect(await tidemark.log(order, id).state()).toEqual({ open: 11, entries: 2 });
    expect(await ordersOf(id)).toHaveLength(1);
  });

  test('whose failed statement was caught is an error, never a commit that was none', async () => {
    const id = newId();
    const caught = tidemark.transaction(async ({ tx, log }) => {
      await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' });
      await tx.query('select 1 / 0').catch(() => {});
    });
    await expect(caught).rejects.toThrow(/A statement of this transaction failed and its error was caught/);
    expect(await tidemark.log(order, id).exists()).toBe(false);
    const saved = tidemark.transaction(async ({ tx, log }) => {
      await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' });
      await tx.query('savepoint s');
      await tx.query('select 1 / 0').catch(() => tx.query('rollback to s'));
    });
    await saved;
    expect(await tidemark.log(order, id).exists()).toBe(true);
  });

  test('whose connection breaks in the moment it is taken fails, and not the process', async () => {
    const pool = createPool({ connectionString: database.appUrl, max: 1 });
    // After the pool has handed it out, before whoever waits for it goes on.
    pool.once('acquire', (client) => void Promise.resolve().then(() => client.emit('error', new Error('terminating connection'))));
    try {
      expect(await inTransaction(pool, async (client) => (await client.query('select 1 as one')).rows[0].one)).toBe(1);
      await inTransaction(pool, async () => {});
      expect(pool.totalCount).toBe(1);
    } finally {
      await pool.end();
    }
  });

  test('of two that create the same log both succeed, one after the other', async () => {
    const id = newId();
    const append = () => tidemark.transaction(({ log }) => log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' }));
    const appended = await Promise.all([append(), append(), append(), append()]);
    expect(appended.map((value) => value.sequenceId).sort()).toEqual([0n, 1n, 2n, 3n]);
  });

  test('refuses what uses its log after it is over, instead of writing into another one', async () => {
    const id = newId();
    const leaked = await tidemark.transaction(async ({ log }) => log(order, id));
    await expect(leaked.append({ type: 'Placed', qty: 1 }, { expect: 'any' })).rejects.toThrow(/This transaction is over/);
    await expect(leaked.state()).rejects.toThrow(/This transaction is over/);
  });

  test('keeps who, and why, with entries and with the work: what is said last wins', async () => {
    const id = newId();
    const named = createTidemark({
      db: database.pool,
      logTypes: [order],
      entryWork: [sendInvoice],
      defaults: () => ({ actor: 'system', correlationId: 'r-1' }),
    });
    await named.transaction(
      async ({ log }) => {
        await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
        await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any', actor: 'ada', causationId: 'c-1' });
      },
      { actor: 'grace' },
    );
    await named.log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' });
    expect(
      await rowsOf('select actor, correlation_id, causation_id from tidemark.entries where log_id = $1 order by sequence_id', [id]),
    ).toEqual([
      { actor: 'grace', correlation_id: 'r-1', causation_id: null },
      { actor: 'ada', correlation_id: 'r-1', causation_id: 'c-1' },
      { actor: 'system', correlation_id: 'r-1', causation_id: null },
    ]);
    expect(await rowsOf('select actor, correlation_id from tidemark.work where log_id = $1', [id])).toEqual([
      { actor: 'grace', correlation_id: 'r-1' },
    ]);
  });
});

describe('in(tx)', () => {
  test("commits and rolls back with the caller's transaction", async () => {
    const [kept, gone] = [newId(), newId()];
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await tidemark.in(client).log(order, gone).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
      await client.query('rollback');
      await client.query('begin');
      await client.query('insert into orders (id) values ($1)', [kept]);
      await tidemark.in(client).log(order, kept).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
      expect(await workOf(kept)).toEqual([]);
      await client.query('commit');
    } finally {
      client.release();
    }
    expect(await tidemark.log(order, gone).exists()).toBe(false);
    expect(await workOf(gone)).toEqual([]);
    expect(await workOf(kept)).toEqual([{ id: `send-invoice/${kept}/0`, state: 'ready' }]);
  });

  test('needs one connection and no worker: the name is registered in the transaction that first asks for it', async () => {
    const fresh = await createTestDatabase({ poolSize: 1 });
    try {
      const app = createTidemark({ db: fresh.pool, logTypes: [order], entryWork: [sendInvoice] });
      const client = await fresh.pool.connect();
      let joined: ReturnType<Tidemark['in']>;
      try {
        await client.query('begin');
        await app.in(client).log(order, 'o1').append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
        await client.query('rollback');
        await client.query('begin');
        joined = app.in(client);
        await joined.log(order, 'o2').append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
        await client.query('commit');
      } finally {
        client.release();
      }
      joined.wake();
      const { rows } = await fresh.pool.query('select id from tidemark.work');
      expect(rows).toEqual([{ id: 'send-invoice/o2/0' }]);
      await app.close();
    } finally {
      await fresh.drop();
    }
  });
});

describe('the hint to starters', () => {
  const heard: string[] = [];
  let stopListening: () => Promise<void>;

  beforeAll(async () => {
    stopListening = listen({ connectionString: database.appUrl, onNotify: (payload) => heard.push(payload) });
    await until('listening', () => heard.includes(''));
  });
  afterAll(() => stopListening?.());

  /** Sent on the same channel: once it is heard, so is all that was sent before. */
  async function mark(): Promise<void> {
    const marker = `marker ${randomUUID()}`;
    await tidemark.close();
    await database.pool.query('select pg_notify($1, $2)', ['tidemark_wake', marker]);
    await until('the marker', () => heard.includes(marker));
    heard.splice(heard.indexOf(marker), 1);
  }

  async function hintsOf(body: () => Promise<unknown>): Promise<string[]> {
    await mark();
    heard.length = 0;
    await body();
    await mark();
    return [...heard];
  }

  test('is sent after the commit, once for all that a transaction has asked for', async () => {
    const [one, two] = [newId(), newId()];
    let heardBeforeCommit: string[] = [];
    const slowToCommit = createTidemark({
      db: {
        query: (text, values) => database.pool.query(text, values),
        async transaction(body) {
          const client = await database.pool.connect();
          try {
            await client.query('begin');
            const value = await body(client);
            await slowToCommit.close();
            await mark();
            heardBeforeCommit = [...heard];
            await client.query('commit');
            return value;
          } finally {
            client.release();
          }
        },
      },
      logTypes: [order],
      entryWork: [sendInvoice],
    });
    const hints = await hintsOf(async () => {
      await slowToCommit.transaction(async ({ log }) => {
        for (const id of [one, two, one]) {
          await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
        }
      });
      await slowToCommit.close();
    });
    expect(heardBeforeCommit).toEqual([]);
    expect(hints.sort()).toEqual([`log:${one}`, `log:${two}`, 'work'].sort());
  });

  test('is not sent for entries that ask for nothing', async () => {
    const id = newId();
    expect(await hintsOf(() => tidemark.log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' }))).toEqual([`log:${id}`]);
  });

  test('is sent where the snapshot policy asks', async () => {
    const id = newId();
    const placed = Array.from({ length: 9 }, () => ({ type: 'Placed' as const, qty: 1 }));
    await tidemark.log(order, id).append(placed, { expect: 'any' });
    const hints = await hintsOf(() =>
      tidemark.transaction(async ({ log }) => {
        await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' });
        await log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any' });
      }),
    );
    expect(hints.sort()).toEqual([`log:${id}`, 'work']);
    expect(await workOf(id)).toEqual([{ id: `snapshot/${id}/9`, state: 'ready' }]);
  });

  test('is not sent by a transaction that rolls back', async () => {
    const hints = await hintsOf(() =>
      tidemark
        .transaction(async ({ log }) => {
          await log(order, newId()).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
          throw new Error('no');
        })
        .catch(() => {}),
    );
    expect(hints).toEqual([]);
  });

  test("is the caller's to send after joining a transaction", async () => {
    const id = newId();
    let wake = () => {};
    const before = await hintsOf(async () => {
      const client = await database.pool.connect();
      await client.query('begin');
      const joined = tidemark.in(client);
      await joined.log(order, id).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'send-invoice' });
      await client.query('commit');
      client.release();
      wake = joined.wake;
    });
    expect(before).toEqual([]);
    expect((await hintsOf(async () => wake())).sort()).toEqual([`log:${id}`, 'work']);
  });

  test('that cannot be sent fails nothing', async () => {
    const broken: Queryable = {
      async query(text, values) {
        if (text.includes('pg_notify')) throw new Error('connection lost');
        return database.pool.query(text, values);
      },
    };
    const app = createTidemark({ db: broken, logTypes: [order] });
    await expect(app.log(order, newId()).append({ type: 'Placed', qty: 1 }, { expect: 'any' })).resolves.toMatchObject({ sequenceId: 0n });
    await app.close();
  });
});

describe('db', () => {
  test('may be an adapter over another driver: query, and transaction for transactions of our own', async () => {
    const statements: string[] = [];
    const run = (runner: Queryable): Queryable => ({
      async query(text, values) {
        statements.push(text.trim().split(/\s/)[0] as string);
        const { rows } = await runner.query(text, values);
        return { rows };
      },
    });
    const app = createTidemark({ db: clientAdapter(database.pool, run), logTypes: [order], entryWork: [sendInvoice] });
    const [id, gone] = [newId(), newId()];
    await app.transaction(async ({ tx, log }) => {
      await tx.query('insert into orders (id) values ($1)', [id]);
      await log(order, id).append({ type: 'Placed', qty: 3 }, { expect: 0n, pending: 'send-invoice' });
    });
    await app
      .transaction(async ({ log }) => {
        await log(order, gone).append({ type: 'Placed', qty: 3 }, { expect: 0n });
        throw new Error('no');
      })
      .catch(() => {});
    expect(await app.log(order, id).state()).toEqual({ open: 3, entries: 1 });
    expect(await app.log(order, gone).exists()).toBe(false);
    expect(statements).not.toContain('begin');
    await app.close();
  });

  test('without a way to begin a transaction says what to give, and everything else works', async () => {
    const app = createTidemark({ db: { query: (text, values) => database.pool.query(text, values) }, logTypes: [order] });
    await expect(app.transaction(async () => {})).rejects.toThrow(SetupError);
    await expect(app.transaction(async () => {})).rejects.toThrow(/use tidemark\.in\(tx\)/);
    const id = newId();
    await app.log(order, id).append({ type: 'Placed', qty: 3 }, { expect: 0n });
    expect(await app.log(order, id).state()).toEqual({ open: 3, entries: 1 });
    await app.close();
  });
});
