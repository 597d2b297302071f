/** A table of another Postgres as a source: what it reads, what it asks for, and what it leaves behind there. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openReadConnection } from '../../src/postgres/read-table.ts';
import { postgresSource } from '../../src/workbooks/sources/postgres.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ReadOptions, readSource, recordsOf } from '../support/sources.ts';

let database: TestDatabase;
let url: string;
beforeAll(async () => {
  database = await createTestDatabase();
  url = database.ownerUrl;
});
afterAll(() => database?.drop());

const read = (options: Record<string, unknown>, more: Partial<ReadOptions> = {}) =>
  readSource(postgresSource, { connection: 'TIDEMARK_CONNECTION_X', ...options }, { settings: { variable: () => url }, ...more });

test('a primary key is its own columns, without those that its index includes', async () => {
  await database.ownerPool.query(
    `create table public.included (id integer, note text, primary key (id) include (note));
     insert into public.included select n, case when n % 2 = 0 then 'even' end from generate_series(1, 9) n`,
  );
  const [ids, cursors]: [unknown[], unknown[]] = [[], []];
  for await (const { records, cursor } of read({ table: 'included', pageSize: 4 })) {
    ids.push(...records.map(({ id }) => id));
    cursors.push(cursor);
  }
  expect([ids, cursors]).toEqual([
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [{ key: ['4'] }, { key: ['8'] }, { key: ['9'] }],
  ]);
});

test('goes on behind a key of several columns', async () => {
  await database.ownerPool.query(
    `create table public.pairs (a text, b integer, primary key (a, b)); insert into public.pairs select chr(97 + n / 4), n from generate_series(0, 11) n`,
  );
  let cursor: unknown;
  for await (const page of read({ table: 'pairs', pageSize: 5 })) {
    ({ cursor } = page);
    break;
  }
  expect((await recordsOf(read({ table: 'pairs', pageSize: 5 }, { cursor }))).map(({ b }) => b)).toEqual([5, 6, 7, 8, 9, 10, 11]);
});

test('only columns that the table takes are asked for, and the key', async () => {
  await database.ownerPool.query(
    'create view public.costly as select n as id, n * 2 as twice, 1 / (n - n) as broken from generate_series(1, 5) n',
  );
  const options = { table: 'costly', key: ['id'] };
  expect(await recordsOf(read(options, { columns: ['twice', 'missing'] }))).toEqual([1, 2, 3, 4, 5].map((id) => ({ id, twice: id * 2 })));
  await expect(recordsOf(read(options))).rejects.toThrow('division by zero');
});

test('pages of large rows have few of them', async () => {
  await database.ownerPool.query(
    `create table public.large (id integer primary key, text text); insert into public.large select n, repeat('x', 500000) from generate_series(1, 60) n`,
  );
  const pages: number[] = [];
  for await (const { records } of read({ table: 'large', pageSize: 10_000 })) pages.push(records.length);
  expect(pages).toEqual([50, 8, 2]);
});

test('it cannot write, and sets nothing that outlives a statement of it: a pooler gives the connection to others next', async () => {
  const connection = await openReadConnection({ connectionString: url, timeoutMs: 5_000, signal: new AbortController().signal });
  const show = async (name: string) => (await connection.query(`show ${name}`)).rows[0]?.[0];
  try {
    expect(await show('transaction_read_only')).toBe('on');
    expect(await show('statement_timeout')).toBe('5s');
    expect(await show('default_transaction_read_only')).toBe('off');
    await expect(connection.query('create table public.written (n integer)')).rejects.toThrow('read-only transaction');
  } finally {
    await connection.close();
  }
});

test('cancelled while its host says nothing it ends at once, and says nothing in the log', async () => {
  const sockets: Socket[] = [];
  const silent: Server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  url = `postgres://me@127.0.0.1:${(silent.address() as AddressInfo).port}/none`;
  try {
    const cancel = new AbortController();
    const warnings: string[] = [];
    const reading = recordsOf(read({ table: 't' }, { signal: cancel.signal, onWarn: (text) => warnings.push(text) }));
    reading.catch(() => {});
    const deadline = Date.now() + 5_000;
    while (sockets.length === 0 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
    const startedAt = performance.now();
    cancel.abort(new Error('cancelled'));
    await expect(reading).rejects.toThrow('cancelled');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect([sockets.length, warnings]).toEqual([1, []]);
  } finally {
    url = database.ownerUrl;
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('a variable that holds no address is told by its name', async () => {
  url = 'host=db password=very-secret';
  const failure = recordsOf(read({ table: 't' }));
  url = database.ownerUrl;
  await expect(failure).rejects.toThrow('TIDEMARK_CONNECTION_X is no address such as postgres://USER:PASSWORD@HOST/DATABASE');
});
