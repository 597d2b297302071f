/** What a worker of row changes gets, on a real slot: which changes, what is in them, each of them once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChangeMessage, createTidemark, type MessageContext, onChange, Unchanged } from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { type ChangeFixture, createChangeFixture, type RunningReader } from '../support/change-reader.ts';
import { until } from '../support/until.ts';

const TABLES = `
  create table public."user" (id bigint primary key, email text, name text);
  create table public.kinds (
    id uuid primary key, flag boolean, small smallint, big bigint, exact numeric(20, 4), real double precision, doc jsonb, bytes bytea,
    at timestamptz, local timestamp, day date, tags text[], times timestamptz[], nothing text);
  create table public.page (id integer primary key, title text, body text);
  create table public.wide (id integer primary key, title text, body text);
  alter table public.page alter column body set storage external;
  alter table public.wide alter column body set storage external;
  create table public.growing (id integer primary key, a text);
  create table public.bulk (id integer primary key, note text);
  create table public."Order" (id integer, line integer, item text, primary key (line, id));
`;

const got: { subscription: string; change: ChangeMessage; context: MessageContext }[] = [];
const note = (subscription: string) => (change: ChangeMessage, context: MessageContext) => {
  got.push({ subscription, change, context });
};
const all = <OptionsT extends object>(table: string, options?: OptionsT) =>
  onChange(table, { ...options }, note(table === 'Order' ? 'order-changes' : `${table}-changes`));
const changes = [
  all('user'),
  onChange('user', { ops: ['insert', 'update'], columns: ['email'], subscription: 'user-email' }, note('user-email')),
  all('kinds'),
  all('page'),
  all('wide', { before: 'row' as const }),
  all('growing'),
  all('bulk', { ops: ['insert', 'truncate'] as const }),
  all('Order', { subscription: 'order-changes' }),
];

let fixture: ChangeFixture;
let reader: RunningReader;
let tidemark: ReturnType<typeof createTidemark>;

beforeAll(async () => {
  fixture = await createChangeFixture(TABLES);
  await fixture.apply(changes);
  tidemark = createTidemark({ db: fixture.database.pool, changes });
  reader = fixture.reader(changes, { heartbeatMs: 100, pageChanges: 500 });
  await reader.untilReading();
});
afterAll(async () => {
  await tidemark?.close();
  await fixture?.close();
});

const sql = (text: string, values?: unknown[]) => fixture.database.ownerPool.query(text, values);
/** What the subscription's worker has got when nothing is left to do. */
async function handled(subscription: string): Promise<ChangeMessage[]> {
  got.length = 0;
  await runUntilIdle(tidemark);
  return got.filter((one) => one.subscription === subscription).map(({ change }) => change);
}

describe('a worker of changes', () => {
  test('gets inserts, updates and deletes in the order of their commits, with where and when they were', async () => {
    await sql(`insert into "user" values (1, 'a@x', 'Ann')`);
    await sql(`update "user" set name = 'Anna' where id = 1`);
    await sql(`delete from "user" where id = 1`);
    await fixture.untilStored('changes.public.user', 3);
    const seen = await handled('user-changes');
    expect(seen.map(({ op, key, before, after }) => ({ op, key, before, after }))).toEqual([
      { op: 'c', key: { id: '1' }, before: null, after: { id: '1', email: 'a@x', name: 'Ann' } },
      {
        op: 'u',
        key: { id: '1' },
        before: { id: '1', email: 'a@x', name: 'Ann' },
        after: { id: '1', email: 'a@x', name: 'Anna' },
      },
      { op: 'd', key: { id: '1' }, before: { id: '1', email: 'a@x', name: 'Anna' }, after: null },
    ]);
    expect(seen[0]?.source).toEqual({
      schema: 'public',
      table: 'user',
      lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
      txId: expect.any(Number),
      ts: expect.any(Date),
    });
    expect(Math.abs(Date.now() - (seen[0]?.source.ts.getTime() ?? 0))).toBeLessThan(60_000);
  });

  test('with columns gets these and the key, of an update only where one of them differs', async () => {
    await sql(`insert into "user" values (2, 'b@x', 'Bob')`);
    await sql(`update "user" set name = 'Bobby' where id = 2`);
    await sql(`update "user" set email = 'b@y' where id = 2`);
    await sql(`update "user" set email = 'b@y' where id = 2`);
    await sql(`delete from "user" where id = 2`);
    await fixture.untilStored('changes.public.user', 8);
    const seen = await handled('user-email');
    expect(seen.map(({ op, before, after }) => ({ op, before, after }))).toEqual([
      { op: 'c', before: null, after: { id: '2', email: 'b@x' } },
      { op: 'u', before: { id: '2', email: 'b@x' }, after: { id: '2', email: 'b@y' } },
    ]);
  });

  test('gets values of their types: dates are Dates, JSON is its value, bigint and numeric are text', async () => {
    const id = randomUUID();
    await sql(
      `insert into kinds values ($1, true, -7, 9007199254740993, 12.5000, 'NaN', '{"a": [1, null]}', '\\x00ff', '2026-03-01 12:00:00.5+02',
         '2026-03-01 12:00:00', '2026-03-01', array['x', 'y "z"'], array['2026-03-01 00:00:00+00'::timestamptz, 'infinity'], null)`,
      [id],
    );
    await fixture.untilStored('changes.public.kinds', 1);
    const [seen] = await handled('kinds-changes');
    expect(seen?.after).toEqual({
      id,
      flag: true,
      small: -7,
      big: '9007199254740993',
      exact: '12.5000',
      real: Number.NaN,
      doc: { a: [1, null] },
      bytes: new Uint8Array([0, 255]),
      at: new Date('2026-03-01T10:00:00.500Z'),
      local: new Date('2026-03-01T12:00:00Z'),
      day: '2026-03-01',
      tags: ['x', 'y "z"'],
      times: [new Date('2026-03-01T00:00:00Z'), 'infinity'],
      nothing: null,
    });
  });

  test('gets Unchanged for a large value that an update has left alone, and the value itself where the row is written as it was', async () => {
    const body = 'x'.repeat(20_000);
    for (const table of ['page', 'wide']) {
      await sql(`insert into ${table} values (1, 'one', $1)`, [body]);
      await sql(`update ${table} set title = 'two' where id = 1`);
      await fixture.untilStored(`changes.public.${table}`, 2);
    }
    const [, ofPage] = await handled('page-changes');
    expect(ofPage?.after).toEqual({ id: 1, title: 'two', body: Unchanged });
    expect(ofPage?.after?.body).toBe(Unchanged);
    const [, ofWide] = got.filter(({ subscription }) => subscription === 'wide-changes');
    expect(ofWide?.change).toMatchObject({ before: { title: 'one', body }, after: { title: 'two', body } });
  });

  test('goes on through a change of its table', async () => {
    await sql(`insert into growing values (1, 'a')`);
    await sql(`alter table growing add column b integer default 5; alter table growing rename column a to c`);
    await sql(`insert into growing values (2, 'c', 6)`);
    await sql('begin; alter table growing drop column b; insert into growing values (3, $$d$$); commit');
    await fixture.untilStored('changes.public.growing', 3);
    expect((await handled('growing-changes')).map(({ after }) => after)).toEqual([
      { id: 1, a: 'a' },
      { id: 2, c: 'c', b: 6 },
      { id: 3, c: 'd' },
    ]);
  });

  test('gets a transaction that is larger than a page whole, in its order, and its truncation where it asks for that', async () => {
    await sql(`insert into bulk select n, 'note ' || n from generate_series(1, 2300) n`);
    await sql('update bulk set note = null where id < 100');
    await sql('truncate bulk');
    const stored = await fixture.untilStored('changes.public.bulk', 2_301);
    expect(stored.slice(0, 2_300).map(({ after }) => after?.id)).toEqual(Array.from({ length: 2_300 }, (_, index) => index + 1));
    expect(stored[2_300]).toMatchObject({ op: 't', key: {}, before: null, after: null });
    const { rows } = await sql(`select count(*)::integer as deliveries from tidemark.work where group_name = 'bulk-changes'`);
    expect(rows).toEqual([{ deliveries: 2_301 }]);
    await sql(`delete from tidemark.work where group_name = 'bulk-changes'`);
  });

  test('of a table with a name of any kind and a key of several columns', async () => {
    await sql(`insert into "Order" values (7, 1, 'tea')`);
    await sql(`update "Order" set line = 2 where id = 7`);
    const topic = changes.find(({ subscription }) => subscription === 'order-changes')?.topic ?? '';
    expect(topic).toMatch(/^changes\.public\.order-[0-9a-f]{8}$/);
    await fixture.untilStored(topic, 2);
    const { rows } = await sql('select ordering_key from tidemark.message where topic = $1 order by id', [topic]);
    expect(rows).toEqual([{ ordering_key: '[7,1]' }, { ordering_key: '[7,2]' }]);
    expect((await handled('order-changes'))[1]).toMatchObject({ key: { id: 7, line: 2 }, before: { id: 7, line: 1 } });
  });

  test('writes and publishes with the end of the delivery, as any worker', async () => {
    await sql(`insert into "user" values (9, 'z@x', 'Zoe')`);
    await until('it is stored', async () => (await fixture.stored('changes.public.user')).some(({ key }) => key.id === '9'));
    await handled('user-changes');
    const { context } = got.find(({ subscription }) => subscription === 'user-changes') ?? {};
    expect(context?.idempotencyKey).toMatch(/^delivery\/user-changes\/\d+$/);
    expect(context).toMatchObject({ db: expect.anything(), publish: expect.any(Function), once: expect.any(Function), attempt: 1 });
  });
});

test('changes of one row are delivered one after another', async () => {
  await sql(`insert into growing (id, c) values (50, 'a')`);
  await sql(`update growing set c = 'b' where id = 50`);
  await sql(`insert into growing (id, c) values (51, 'a')`);
  await until(
    'they are stored',
    async () => (await fixture.stored('changes.public.growing')).filter(({ key }) => Number(key.id) >= 50).length === 3,
  );
  const { rows } = await sql(
    `select ordering_key as key, state from tidemark.work where group_name = 'growing-changes' and state <> 'done' order by position, key`,
  );
  expect(rows).toEqual([
    { key: '50', state: 'ready' },
    { key: '51', state: 'ready' },
    { key: '50', state: 'waiting' },
  ]);
  expect((await handled('growing-changes')).map(({ key, op }) => `${op}${key.id}`).sort()).toEqual(['c50', 'c51', 'u50']);
});

test('starters are told as soon as a change is stored', async () => {
  const listening = await fixture.database.ownerPool.connect();
  const hints: (string | undefined)[] = [];
  listening.on('notification', ({ payload }) => hints.push(payload));
  try {
    await listening.query('listen tidemark_wake');
    await sql(`insert into growing (id) values (70)`);
    await until('the hint has come', () => hints.includes('work'));
  } finally {
    listening.removeAllListeners('notification');
    await listening.query('unlisten *');
    listening.release();
  }
});

test('an idle database lets the slot move on, and no worker hears of it', async () => {
  const before = (await fixture.database.pool.query('select count(*)::integer as n from tidemark.message')).rows[0].n;
  const { rows } = await sql(`select pg_current_wal_lsn()::text as lsn`);
  await sql('create table public.unrelated (id integer); insert into public.unrelated select generate_series(1, 5000)');
  await until('the slot has passed it', async () => {
    const { rows: slots } = await sql('select confirmed_flush_lsn > $1::pg_lsn as passed from pg_replication_slots where slot_name = $2', [
      rows[0].lsn,
      fixture.slot,
    ]);
    return slots[0].passed;
  });
  expect((await fixture.database.pool.query('select count(*)::integer as n from tidemark.message')).rows[0].n).toBe(before);
});
