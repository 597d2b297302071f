/** Entries over REST: append, read by page, read what is archived, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { compactLog } from '../../src/history/compact-log.ts';
import { storedEntriesInPostgres } from '../../src/history/read-stored-entries.ts';
import type { Caller } from '../../src/http/access.ts';
import { defineLogType, sheet } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let server: TestServer;
const blobs = createMemoryBlobStore();
const note = defineLogType({
  type: 'note',
  version: 1,
  snapshotEvery: 3,
  entry: z.looseObject({ type: z.string(), text: z.unknown() }),
  initial: () => ({}),
  apply: (state) => state,
});

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, { logTypes: [note, sheet], blobs });
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

let count = 0;
async function newLog(type = 'note'): Promise<string> {
  const id = `log-${count++}`;
  await server.request('POST', '/logs', { id, type });
  return id;
}
const noted = (text: unknown) => ({ type: 'Noted', text });
const append = (id: string, texts: unknown[], expected: string = 'any', headers = {}) =>
  server.request('POST', `/logs/${id}/entries`, { entries: texts.map(noted), expect: expected }, headers);
const read = (id: string, query = '') => server.request('GET', `/logs/${id}/entries${query}`);

describe('an append', () => {
  test('numbers its entries, and keeps who made it and when', async () => {
    const id = await newLog();
    expect(await append(id, ['a', 'b'], '0')).toMatchObject({ status: 201, body: { sequenceId: '0', nextSequenceId: '2' } });
    expect((await read(id, '?provenance=true')).body).toEqual({
      startSequenceId: '0',
      endSequenceId: '2',
      isComplete: true,
      entries: [noted('a'), noted('b')],
      provenance: Array(2).fill({ actor: 'tester', committedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) }),
    });
  });

  test('at an id that is not the next one is a conflict that names the next one', async () => {
    const id = await newLog();
    await append(id, ['a']);
    expect(await append(id, ['b'], '0')).toMatchObject({ status: 409, body: { code: 'conflict', nextSequenceId: '1' } });
    expect(await append(id, ['b'], '1')).toMatchObject({ status: 201, body: { sequenceId: '1' } });
  });

  test('asks for snapshots by the policy of the log, and says where the newest one is', async () => {
    const id = await newLog();
    await append(id, ['a', 'b', 'c']);
    expect((await read(id)).body.entries.at(-1)).toEqual({ ...noted('c'), pending: 'snapshot' });
    await server.tidemark.log(note, id).eventLog.completeWorkflow(2n, 'snapshot', { snapshot: 'two' });
    const { body } = await server.request('POST', `/logs/${id}/entries`, { entries: [noted('d')], expect: '3', snapshotId: 'none' });
    expect(body).toEqual({ sequenceId: '3', nextSequenceId: '4', lastSnapshot: { sequenceId: '2', blobId: 'two' } });
    expect((await read(id, '?start=4&snapshotId=0')).body).toMatchObject({ entries: [], lastSnapshot: { blobId: 'two' } });
    expect((await read(id, '?start=4&snapshotId=2')).body).not.toHaveProperty('lastSnapshot');
  });

  test.each(['pending', 'snapshot', 'history'])('cannot bring its own %s', async (field) => {
    const id = await newLog();
    const answer = await server.request('POST', `/logs/${id}/entries`, { entries: [{ ...noted(1), [field]: 'snapshot' }], expect: 'any' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input', detail: expect.stringContaining(`'${field}'`) } });
    expect((await read(id)).body.entries).toEqual([]);
  });

  test('is checked by the log’s type, whole, and needs a log', async () => {
    const id = await newLog('sheet');
    const good = { type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 };
    const refused = await server.request('POST', `/logs/${id}/entries`, { entries: [good, { ...good, row: -1 }], expect: 'any' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input', detail: expect.stringContaining('row') } });
    expect((await read(id)).body.endSequenceId).toBe('0');
    expect(await append('nowhere', ['a'])).toMatchObject({ status: 404, body: { code: 'log_not_found' } });
    for (const body of [
      '{"entries":',
      { entries: [], expect: 'any' },
      { entries: [good], expect: 1 },
      { entries: good, expect: '0' },
      '',
    ]) {
      expect(await server.request('POST', `/logs/${id}/entries`, body)).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
    const many = { entries: Array(1_001).fill(good), expect: 'any' };
    expect(await server.request('POST', `/logs/${id}/entries`, many)).toMatchObject({ status: 400 });
  });

  test('keeps fields of any name as they were sent', async () => {
    const id = await newLog();
    const text = JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":2},"type":"inner","pending":"inner","\\u0000":"\\ud83c"}');
    await append(id, [text, 'plain']);
    const { body } = await read(id);
    expect(JSON.stringify(body.entries)).toBe(JSON.stringify([noted(text), noted('plain')]));
  });
});

describe('an idempotency key', () => {
  const key = { 'idempotency-key': 'order-1' };

  test('makes a repeat answer as the first one and append nothing', async () => {
    const id = await newLog();
    const first = await append(id, ['a'], 'any', key);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    await append(id, ['b']);
    const again = await append(id, ['a'], 'any', key);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect((await read(id)).body.entries).toEqual([noted('a'), noted('b')]);
  });

  test('stands for one request, also of another log, and not for one that was refused', async () => {
    const id = await newLog();
    const mine = { 'idempotency-key': 'mine' };
    expect(await append(id, ['a'], '7', mine)).toMatchObject({ status: 409 });
    expect(await append(id, ['a'], '0', mine)).toMatchObject({ status: 201 });
    expect(await append(id, ['b'], '0', mine)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(await append(await newLog(), ['a'], '0', mine)).toMatchObject({ status: 422 });
    expect(await append(id, ['x'], 'any', { 'idempotency-key': 'x'.repeat(201) })).toMatchObject({ status: 400 });
  });

  test('needs to know whose it is: one of a caller without a name is refused, and nobody gets the answer of another', async () => {
    let caller: Caller = { scopes: ['write'] };
    const own = await startTestServer(database, { logTypes: [note, sheet], blobs, authorize: () => caller });
    const open = await startTestServer(database, { logTypes: [note, sheet], blobs, authorize: () => caller, auth: 'off' });
    const id = await newLog();
    const send = (to: TestServer, text: string) =>
      to.request('POST', `/logs/${id}/entries`, { entries: [noted(text)], expect: 'any' }, { 'idempotency-key': 'whose' });
    const refused = await send(own, 'a');
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(refused.body.detail).toContain('does not know who calls');
    expect((await read(id)).body.entries).toEqual([]);
    for (const one of [{ actor: 'anna' }, { actor: 'ben' }, { id: '7' }]) {
      caller = { ...one, scopes: ['write'] };
      expect((await send(own, 'a')).headers.get('idempotent-replayed')).toBeNull();
    }
    caller = { scopes: ['write'] };
    await send(open, 'a');
    expect((await send(open, 'a')).headers.get('idempotent-replayed'), 'where nobody is asked all are one').toBe('true');
    expect((await read(id)).body.entries).toHaveLength(4);
    await Promise.all([own.close(), open.close()]);
  });

  test('of requests at once lets one append', async () => {
    const id = await newLog();
    const holder = await database.ownerPool.connect();
    await holder.query('begin');
    await holder.query('select 1 from tidemark.logs where id = $1 for update', [id]);
    const asked = Array.from({ length: 5 }, () => append(id, ['a'], 'any', { 'idempotency-key': 'at-once' }));
    await until('all of them are under way', async () => {
      const { rows } = await database.ownerPool.query(
        `select count(*)::integer as waiting from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`,
        [database.name],
      );
      return rows[0].waiting === 5;
    });
    await holder.query('commit');
    holder.release();
    const all = await Promise.all(asked);
    expect(new Set(all.map(({ status, body }) => `${status} ${body.nextSequenceId}`))).toEqual(new Set(['201 1']));
    expect(all.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
    expect((await read(id)).body.endSequenceId).toBe('1');
  });

  test('is over after 24 hours, and removed with others that are', async () => {
    const id = await newLog();
    const old = { 'idempotency-key': 'old' };
    await append(id, ['a'], 'any', old);
    await append(id, ['b'], 'any', { 'idempotency-key': 'older' });
    await database.ownerPool.query(`update tidemark.idempotency_key set created_at = now() - interval '25 hours' where key like 'old%'`);
    expect(await append(id, ['c'], 'any', old)).toMatchObject({ status: 201, body: { sequenceId: '2' } });
    const { rows } = await database.ownerPool.query(`select key from tidemark.idempotency_key where key like 'old%'`);
    expect(rows).toEqual([{ key: 'old' }]);
  });
});

describe('reading', () => {
  test('gives pages of the size asked for, from an id, the start or the newest snapshot', async () => {
    const id = await newLog();
    await append(id, [0, 1, 2, 3, 4]);
    await server.tidemark.log(note, id).eventLog.setMetadata(3n, { snapshot: 's', history: 'h' });
    expect((await read(id, '?limit=2')).body).toMatchObject({ endSequenceId: '2', isComplete: false, entries: [noted(0), noted(1)] });
    expect((await read(id, '?start=2&end=3')).body).toMatchObject({ endSequenceId: '3', isComplete: true, entries: [noted(2)] });
    expect((await read(id, '?start=snapshot')).body).toMatchObject({
      startSequenceId: '3',
      entries: [
        { ...noted(3), snapshot: 's', history: 'h' },
        { ...noted(4), pending: 'snapshot' },
      ],
    });
    expect(await read(id, '?start=6')).toMatchObject({ status: 416, body: { startSequenceId: '0', endSequenceId: '5' } });
    expect(await read('nowhere')).toMatchObject({ status: 404 });
    for (const bad of ['start=-1', 'end=x', 'limit=0', 'limit=10001', 'snapshotId=x', 'start=9999999999999999999', 'provenance=yes']) {
      expect(await read(id, `?${bad}`), bad).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
  });

  test('gives what other programs have stored as the library does', async () => {
    const id = await newLog();
    const data = ['{}', ' { "text" : 1 } ', '{"type":"theirs","text":2}', '{"\\u0074ype":"theirs"}', '{"text":"\\"type\\":"}'];
    await database.pool.query(
      `with log as (update tidemark.logs set next_sequence_id = $2 where id = $1)
       insert into tidemark.entries (log_id, sequence_id, type, data) select $1, ord - 1, 'Told', data::json
       from unnest($3::text[]) with ordinality d (data, ord)`,
      [id, data.length, data],
    );
    const { entries } = await server.tidemark.log(note, id).eventLog.query('start', 'end');
    expect((await read(id)).body.entries).toEqual(entries);
    await database.pool.query(`update tidemark.entries set data = '[]' where log_id = $1 and sequence_id = 1`, [id]);
    expect(await read(id)).toMatchObject({ status: 500, body: { code: 'unexpected' } });
  });

  test('of archived entries goes on where the log begins, with who wrote them', async () => {
    const id = await newLog('sheet');
    const cell = (row: number) => ({ type: 'SetCellValueAndFormat', row, column: 0, value: row });
    await server.request('POST', `/logs/${id}/entries`, { entries: Array.from({ length: 10 }, (_, row) => cell(row)), expect: '0' });
    await compact(id, 8n);
    expect(await read(id, '?start=2')).toMatchObject({ status: 416, body: { startSequenceId: '8' } });
    const first = (await read(id, '?archived=true&limit=5&provenance=true')).body;
    expect(first).toMatchObject({ startSequenceId: '0', endSequenceId: '5', isComplete: false, entries: [0, 1, 2, 3, 4].map(cell) });
    expect(first.provenance).toHaveLength(5);
    expect(first.provenance[0]).toMatchObject({ actor: 'tester', committedAt: expect.stringMatching(/Z$/) });
    expect((await read(id, '?archived=true&start=5')).body).toMatchObject({ endSequenceId: '8', isComplete: false });
    expect((await read(id, '?archived=true&start=6&end=7&snapshotId=none')).body).toMatchObject({
      isComplete: true,
      entries: [cell(6)],
      lastSnapshot: { sequenceId: '8' },
    });
    expect((await read(id, '?archived=true&start=8')).body).toMatchObject({ endSequenceId: '10', isComplete: true });
  });
});

async function compact(id: string, sequenceId: bigint): Promise<void> {
  const { eventLog: log, blobs } = server.tidemark.log(sheet, id);
  const entries = storedEntriesInPostgres(database.db, id);
  const { snapshot, history } = await compactLog({ log, blobs: await blobs(), logType: sheet, sequenceId, entries });
  await log.setMetadata(sequenceId, { snapshot, history });
  await log.truncate(sequenceId);
}
