/** A log as an application reads it: its state from snapshots and entries, by type and version, and its entries as they come. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  createMemoryBlobStore,
  createTidemark,
  defineLogType,
  HistoryGoneError,
  InvalidInputError,
  SequenceRangeError,
  SetupError,
  type Tidemark,
} from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { note, order } from '../support/order-app.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let tidemark: Tidemark;
const blobs = createMemoryBlobStore();

beforeAll(async () => {
  database = await createTestDatabase();
  tidemark = createTidemark({ db: database.pool, logTypes: [order, note], blobs });
});

afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const newId = () => `o-${randomUUID().slice(0, 8)}`;
const placed = (count: number, qty = 1) => Array.from({ length: count }, () => ({ type: 'Placed' as const, qty }));

describe('the state', () => {
  test('of a log that is not there is the empty one, at 0', async () => {
    expect(await tidemark.log(order, newId()).read()).toEqual({ state: { open: 0, entries: 0 }, sequenceId: 0n });
    await expect(tidemark.log(order, newId()).read({ at: 1n })).rejects.toThrow(SequenceRangeError);
  });

  test('after a snapshot is read from it and the entries since, also when the entries before it are gone', async () => {
    const log = tidemark.log(order, newId());
    await log.append(placed(12), { expect: 0n });
    await runUntilIdle(tidemark);
    await log.append(placed(3, 5), { expect: 12n });
    await log.eventLog.truncate(11n);
    expect(await log.read()).toEqual({ state: { open: 27, entries: 15 }, sequenceId: 15n });
    expect(await log.state({ at: 13n })).toEqual({ open: 17, entries: 13 });
    await expect(log.state({ at: 3n })).rejects.toThrow(SequenceRangeError);
  });

  test('of another version of the type is rebuilt from the log: its snapshots are never read', async () => {
    const id = newId();
    await tidemark.log(order, id).append(placed(12), { expect: 0n });
    await runUntilIdle(tidemark);
    const doubled = createTidemark({ db: database.pool, blobs, logTypes: [orderVersion2] });
    await doubled.log(orderVersion2, id).append(placed(1), { expect: 'any' });
    expect(await doubled.log(orderVersion2, id).state()).toEqual({ doubled: 26 });
    await tidemark.log(order, id).eventLog.truncate(11n);
    await expect(doubled.log(orderVersion2, id).state()).rejects.toThrow(HistoryGoneError);
    expect(await tidemark.log(order, id).state()).toEqual({ open: 13, entries: 13 });
  });

  test('of entries of an older shape is folded, and read, as they would be written today', async () => {
    const id = newId();
    await tidemark.log(order, id).append(placed(2, 4), { expect: 0n });
    const renamed = createTidemark({ db: database.pool, blobs, logTypes: [renamedOrder] });
    const log = renamed.log(renamedOrder, id);
    await log.append({ type: 'Ordered', pieces: 1 }, { expect: 2n });
    expect(await log.state()).toEqual({ pieces: 9 });
    const entries = [];
    for await (const { entry } of log.entries()) entries.push(entry);
    expect(entries).toEqual([
      { type: 'Ordered', pieces: 4 },
      { type: 'Ordered', pieces: 4 },
      { type: 'Ordered', pieces: 1 },
    ]);
  });

  test('with a snapshot in a store that was not given says what to give; without a snapshot nothing is missing', async () => {
    const log = tidemark.log(order, newId());
    await log.append(placed(9), { expect: 0n });
    const blind = createTidemark({ db: database.pool, logTypes: [order] });
    expect(await blind.log(order, log.id).state()).toEqual({ open: 9, entries: 9 });
    await log.append(placed(1), { expect: 9n });
    await runUntilIdle(tidemark);
    await expect(blind.log(order, log.id).state()).rejects.toThrow(SetupError);
    await expect(blind.log(order, log.id).state()).rejects.toThrow(/createTidemark\(\{ blobs \}\)/);
  });

  test('of a log that was made by this process and has gone since is the empty one again', async () => {
    const log = tidemark.log(order, newId());
    await log.append(placed(2), { expect: 0n });
    await database.ownerPool.query('delete from tidemark.logs where id = $1', [log.id]);
    expect(await log.append(placed(1), { expect: 'any' })).toEqual({ sequenceId: 0n, nextSequenceId: 1n });
    await database.ownerPool.query('delete from tidemark.logs where id = $1', [log.id]);
    await expect(log.state()).resolves.toEqual({ open: 0, entries: 0 });
  });
});

describe('an append', () => {
  test('of entries that the log type refuses sends nothing, and says which field', async () => {
    const log = tidemark.log(order, newId());
    const bad = [
      { type: 'Placed' as const, qty: 1 },
      { type: 'Placed' as const, qty: 1.5 },
    ];
    await expect(log.append(bad, { expect: 'any' })).rejects.toThrow(/'Placed' of log type 'order' is refused: qty/);
    await expect(log.append({ type: 'Placed', qty: 1, snapshot: 'x' } as never, { expect: 'any' })).rejects.toThrow(
      /cannot bring its own 'snapshot'/,
    );
    await expect(log.append({ type: 'Placed', qty: 1, pending: 'snapshot' } as never, { expect: 'any' })).rejects.toThrow(
      /append's option `pending`/,
    );
    await expect(log.append([], { expect: 'any' })).rejects.toThrow(InvalidInputError);
    await expect(log.append({ type: 'Placed', qty: 1 }, { expect: 3 as never })).rejects.toThrow(/expect '3' cannot be used/);
    await expect(log.append({ type: 'Placed', qty: 1 }, { expect: 'any', actor: 'a\0b' })).rejects.toThrow(/actor .* cannot be used/);
    expect(await log.exists()).toBe(false);
  });

  test("makes the log with its type's snapshot policy and version", async () => {
    const id = newId();
    const app = createTidemark({ db: database.pool, logTypes: [orderVersion2] });
    await app.log(orderVersion2, id).append(placed(1), { expect: 'any' });
    const { rows } = await database.pool.query('select type, type_version, snapshot_every from tidemark.logs where id = $1', [id]);
    expect(rows).toEqual([{ type: 'order', type_version: 2, snapshot_every: 5 }]);
  });

  test('asks for a snapshot by itself when `pending` says so', async () => {
    const log = tidemark.log(note, newId());
    await log.append({ type: 'Wrote', text: 'a' }, { expect: 'any' });
    await log.append(
      [
        { type: 'Wrote', text: 'b' },
        { type: 'Wrote', text: 'c' },
      ],
      { expect: 'any', pending: 'snapshot' },
    );
    await runUntilIdle(tidemark);
    const { lastSnapshot } = await log.eventLog.query('snapshot', 'end', -1n);
    expect(lastSnapshot?.sequenceId).toBe(2n);
    expect(await log.state()).toEqual(['a', 'b', 'c']);
  });

  test('is typed by the log type', async () => {
    const log = tidemark.log(order, newId());
    // @ts-expect-error there is no such entry
    await expect(log.append({ type: 'Cancelled', qty: 1 }, { expect: 'any' })).rejects.toThrow(InvalidInputError);
    // @ts-expect-error metadata is not the application's to write
    await expect(log.append({ type: 'Placed', qty: 1, history: 'x' }, { expect: 'any' })).rejects.toThrow(InvalidInputError);
    // @ts-expect-error what is expected has to be said
    await expect(log.append({ type: 'Placed', qty: 1 }, {})).rejects.toThrow(InvalidInputError);
    const state: { open: number } = await log.state();
    expect(state.open).toBe(0);
  });

  test('to a log that this process knows is one statement', async () => {
    const statements: string[] = [];
    const counted = {
      query(text: string, values?: unknown[]) {
        if (!text.includes('pg_notify')) statements.push(text);
        return database.pool.query(text, values);
      },
    };
    const app = createTidemark({ db: counted, logTypes: [order] });
    const id = newId();
    await app.log(order, id).append(placed(1), { expect: 'any' });
    statements.length = 0;
    await app.log(order, id).append(placed(3), { expect: 'any' });
    expect(statements).toHaveLength(1);
    await app.close();
  });

  test('of eight writers that expect the same end is won by one', async () => {
    const log = tidemark.log(order, newId());
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => log.append(placed(1), { expect: 0n })));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    expect(await log.state()).toEqual({ open: 1, entries: 1 });
  });
});

describe('an instance', () => {
  test('refuses what would leave work undone: a log type it was not given, two of one name, a bad log id', () => {
    expect(() => createTidemark({ db: database.pool }).log(order, 'o1')).toThrow(/Log type 'order' is not one of this instance/);
    expect(() => createTidemark({ db: database.pool, logTypes: [order, orderVersion2] })).toThrow(/'order' is defined twice/);
    expect(() => tidemark.log(order, 'No Spaces')).toThrow(InvalidInputError);
    expect(() => createTidemark({ db: database.pool, schema: 'x; drop' })).toThrow(InvalidInputError);
  });

  test('lives in the schema that it was given', async () => {
    const { migrate } = await import('../../src/postgres/migrate.ts');
    await migrate({ connectionString: database.ownerUrl, schema: 'other' });
    const app = createTidemark({ db: database.pool, schema: 'other', logTypes: [order], blobs: createMemoryBlobStore() });
    const log = app.log(order, 'o1');
    await app.transaction(({ log: inside }) => inside(order, 'o1').append(placed(10), { expect: 0n }));
    await runUntilIdle(app);
    expect(await log.state()).toEqual({ open: 10, entries: 10 });
    expect((await log.eventLog.query('snapshot', 'end', -1n)).lastSnapshot?.sequenceId).toBe(9n);
    expect((await database.pool.query("select 1 from tidemark.logs where id = 'o1'")).rows).toEqual([]);
    await app.close();
  });
});

describe('following', () => {
  /** Collects in the background; `stop` ends it and answers with what it got or threw. */
  function collect(
    log: ReturnType<typeof tidemark.log<never, never>> | ReturnType<Tidemark['log']>,
    options: Parameters<typeof log.follow>[0] = {},
  ) {
    const got: string[] = [];
    const abort = new AbortController();
    const ended = (async () => {
      for await (const { entry, sequenceId } of log.follow({ ...options, signal: abort.signal })) {
        got.push(`${sequenceId}:${(entry as unknown as { qty: number }).qty}`);
      }
    })();
    ended.catch(() => {});
    return {
      got,
      ended,
      stop: async () => {
        abort.abort();
        await ended;
      },
    };
  }

  test('gives what is there, then what comes, also from other processes and for a log that is made later', async () => {
    const id = newId();
    const other = createTidemark({ db: database.pool, logTypes: [order] });
    const follower = collect(tidemark.log(order, id));
    await tidemark.log(order, id).append(placed(2, 1), { expect: 0n });
    await until('two entries', () => follower.got.length === 2);
    await other.transaction(({ log }) => log(order, id).append(placed(1, 9), { expect: 'any' }));
    await until('the third', () => follower.got.length === 3);
    expect(follower.got).toEqual(['0:1', '1:1', '2:9']);
    await follower.stop();
    await other.close();
  });

  test('hears of another process at once, without its poll', async () => {
    const id = newId();
    const other = createTidemark({ db: database.pool, logTypes: [order] });
    await other.log(order, id).append(placed(1), { expect: 0n });
    const follower = collect(tidemark.log(order, id), { pollMs: 60_000 });
    await until('the first', () => follower.got.length === 1);
    await until('listening', async () => {
      const { rows } = await database.ownerPool.query(
        "select 1 from pg_stat_activity where application_name = 'tidemark listen' and datname = $1",
        [database.name],
      );
      return rows.length > 0;
    });
    await other.log(order, id).append(placed(1), { expect: 'any' });
    await until('the second', () => follower.got.length === 2, 5_000);
    await follower.stop();
    await other.close();
    await tidemark.close();
    await until('not listening any more', async () => {
      const { rows } = await database.ownerPool.query(
        "select 1 from pg_stat_activity where application_name = 'tidemark listen' and datname = $1",
        [database.name],
      );
      return rows.length === 0;
    });
  });

  test('misses nothing of many writers, by its poll alone', async () => {
    const id = newId();
    const noHints = { query: (text: string, values?: unknown[]) => database.pool.query(text, values) };
    const deaf = createTidemark({ db: noHints, logTypes: [order] });
    const follower = collect(deaf.log(order, id), { pollMs: 5 });
    const writer = async (qty: number) => {
      for (let count = 0; count < 25; count += 1) {
        await tidemark.log(order, id).append(placed(1, qty), { expect: 'any' });
      }
    };
    await Promise.all([writer(1), writer(2), writer(3), writer(4)]);
    await until('100 entries', () => follower.got.length === 100);
    await follower.stop();
    expect(follower.got.map((text) => Number(text.split(':')[0]))).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test('goes on from where it stopped, from now on, or from the start', async () => {
    const id = newId();
    const log = tidemark.log(order, id);
    await log.append([...placed(1, 1), ...placed(1, 2), ...placed(1, 3)], { expect: 0n });
    const resumed = collect(log, { from: 2n });
    const fromNow = collect(log, { from: 'end' });
    await until('the third', () => resumed.got.length === 1);
    await until('it has looked where the end is', async () => {
      await log.append(placed(1, 7), { expect: 'any' });
      return fromNow.got.length > 0;
    });
    expect(resumed.got.slice(0, 1)).toEqual(['2:3']);
    expect(Number(fromNow.got[0]?.split(':')[0])).toBeGreaterThanOrEqual(3);
    await Promise.all([resumed.stop(), fromNow.stop()]);
  });

  test('goes on over a truncation behind it, and says so when it has fallen behind one', async () => {
    const id = newId();
    const log = tidemark.log(order, id);
    await log.append(placed(4), { expect: 0n });
    const ahead = collect(log, { from: 3n });
    await until('the fourth', () => ahead.got.length === 1);
    await log.eventLog.truncate(4n);
    await log.append(placed(1, 5), { expect: 4n });
    await until('the fifth', () => ahead.got.length === 2);
    expect(ahead.got).toEqual(['3:1', '4:5']);
    await ahead.stop();
    await expect(collect(log, { from: 2n }).ended).rejects.toMatchObject({ code: 'sequence_range', startSequenceId: 4n });
    const fromStart = collect(log);
    await until('what is left', () => fromStart.got.length === 1);
    expect(fromStart.got).toEqual(['4:5']);
    await fromStart.stop();
  });

  test('waits while connections break, and misses nothing', async () => {
    const id = newId();
    const retries: unknown[] = [];
    let broken = false;
    const flaky = {
      async query(text: string, values?: unknown[]) {
        if (broken) throw Object.assign(new Error('terminating connection due to administrator command'), { code: '57P01' });
        return database.pool.query(text, values);
      },
    };
    const app = createTidemark({ db: flaky, logTypes: [order] });
    await tidemark.log(order, id).append(placed(1), { expect: 0n });
    const follower = collect(app.log(order, id), { pollMs: 5, onRetry: (error: unknown) => retries.push(error) });
    await until('the first', () => follower.got.length === 1);
    broken = true;
    await tidemark.log(order, id).append(placed(2), { expect: 1n });
    await until('it has tried twice', () => retries.length >= 2);
    broken = false;
    await until('the rest', () => follower.got.length === 3);
    await follower.stop();
    await app.close();
  });

  test('refuses a log of another type', async () => {
    const id = newId();
    await tidemark.log(note, id).append({ type: 'Wrote', text: 'x' }, { expect: 0n });
    await expect(collect(tidemark.log(order, id)).ended).rejects.toThrow(/is of type 'note'/);
    await expect(tidemark.log(order, id).state()).rejects.toThrow(/is of type 'note'/);
  });
});

const orderVersion2 = defineLogType({
  type: 'order',
  version: 2,
  snapshotEvery: 5,
  entry: z.object({ type: z.literal('Placed'), qty: z.int() }),
  initial: () => ({ doubled: 0 }),
  apply: ({ doubled }, { qty }) => ({ doubled: doubled + 2 * qty }),
});

const renamedOrder = defineLogType({
  type: 'order',
  version: 3,
  entry: z.object({ type: z.literal('Ordered'), pieces: z.int() }),
  initial: () => ({ pieces: 0 }),
  upcast: (stored) =>
    'qty' in stored
      ? { type: 'Ordered' as const, pieces: stored.qty as number }
      : (stored as unknown as { type: 'Ordered'; pieces: number }),
  apply: (state, { pieces }) => ({ pieces: state.pieces + pieces }),
});
