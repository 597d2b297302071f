/** Files into sheets and out of them over REST: what comes back, what is refused, and what is left where an upload breaks off. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/http/access.ts';
import { sheet } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { openSocket } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, {
    uploadLimitBytes: 1_000_000,
    authorize: ({ headers }) => ({ actor: String(headers['x-user'] ?? 'tester'), scopes: SCOPES }),
  });
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

const airports = readFileSync(fileURLToPath(new URL('../../examples/data/us-airports.csv', import.meta.url)));
const newId = () => `f-${randomUUID().slice(0, 8)}`;
const get = (path: string) => server.request('GET', `/logs/${path}`);

async function upload(id: string, content: string | Uint8Array, { query = '', type = 'text/csv', headers = {} } = {}) {
  const response = await fetch(`${server.url}/logs/${id}/import${query}`, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body: content as string,
  });
  return { status: response.status, body: await response.json(), headers: response.headers };
}

/** Sends the head and the beginning of an upload, and then what the test says. */
async function begin(id: string, bytes: number, start: string, { url } = server, user = 'tester'): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  const headers = `host: x\r\nx-user: ${user}\r\ncontent-type: text/csv\r\ncontent-length: ${bytes}`;
  socket.write(`POST /logs/${id}/import HTTP/1.1\r\n${headers}\r\n\r\n${start}`);
  return socket;
}

const csvRows = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `${from + index},text ${from + index}\n`).join('');

describe('an import', () => {
  test('of the shipped example comes back as it was, with a report of what was made of it and who has done it', async () => {
    const id = newId();
    const { status, body } = await upload(id, airports, { query: '?name=us-airports.csv' });
    const records: string[][] = parse(airports, { bom: true });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'us-airports.csv',
      rows: records.length,
      rowsBefore: 0,
      sequenceId: String(body.entries),
      cells: { dates: 0, formulas: 0 },
    });
    const { texts, numbers } = body.cells;
    expect(texts + numbers).toBe(records.flat().filter(Boolean).length);
    const exported = await fetch(`${server.url}/logs/${id}/export?format=csv`);
    expect(exported.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(exported.headers.get('content-disposition')).toBe(`attachment; filename="${id}.csv"`);
    expect(exported.headers.get('tidemark-sequence-id')).toBe(body.sequenceId);
    expect(parse(await exported.text())).toEqual(records);
    const { body: history } = await get(`${id}/cells/A1/history`);
    expect(history.writes).toMatchObject([{ value: records[0]?.[0], actor: 'tester', type: 'SetCellRange' }]);
  });

  test('of the same file once more changes nothing, and one into cells of another is refused', async () => {
    const id = newId();
    const first = (await upload(id, csvRows(1_000), { query: '?name=a.csv' })).body;
    expect((await upload(id, csvRows(1_000), { query: '?name=a.csv' })).body).toMatchObject({ rows: 1_000, rowsBefore: 1_000, entries: 0 });
    // More of it goes on after what is there.
    expect((await upload(id, csvRows(1_500), { query: '?name=a.csv' })).body).toMatchObject({ rows: 1_500, rowsBefore: 1_000 });
    expect(await upload(id, csvRows(1), { query: '?name=b.csv' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_input', detail: expect.stringContaining("not from an import of 'b.csv'") },
    });
    expect(await upload(id, csvRows(1_500, 7), { query: '?name=a.csv' })).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('is not the file whose first 1500 rows') },
    });
    expect(first.rows).toBe(1_000);
    expect((await get(`${id}/sheet`)).body).toMatchObject({ rows: 1_500, cells: 3_000 });
  });

  test('takes gzip, other delimiters, and columns that stay text', async () => {
    const id = newId();
    const { status } = await upload(id, gzipSync('1;2;2026-01-31\n'), { query: '?delimiter=;&text=B', type: 'application/octet-stream' });
    expect(status).toBe(201);
    expect((await get(`${id}/cells?range=A1:C1`)).body.rows).toEqual([
      [{ value: 1 }, { value: '2' }, { value: 46_053, format: 'yyyy-mm-dd' }],
    ]);
    expect((await get(`${id}/export?delimiter=%7C`)).body).toBe('1|"2"|2026-01-31\n');
  });

  test.each([
    ['a quote that is never closed', 'a,b\nc,"d\n', {}, 400, 'has a quote that is never closed'],
    ['no bytes', '', {}, 400, 'is empty'],
    ['a picture', '\x89PNG\r\n', {}, 400, 'is a PNG image and no CSV'],
    ['a ZIP archive', 'PK\x03\x04', {}, 400, 'is a ZIP archive'],
    [
      'a few KB of gzip that are a record of commas',
      gzipSync(','.repeat(2_000_000)),
      {},
      400,
      'ends at 1073741824 rows and 1048576 columns',
    ],
    ['a worksheet of a CSV file', 'a\n', { query: '?worksheet=One' }, 400, 'has no worksheets'],
    ['a delimiter of two characters', 'a\n', { query: '?delimiter=ab' }, 400, 'use one character'],
    ['columns that are none', 'a\n', { query: '?text=1' }, 400, 'no column'],
    ['JSON', '{}', { type: 'application/json' }, 415, ''],
    ['another content encoding', 'a\n', { headers: { 'content-encoding': 'br' } }, 415, 'gzip'],
    ['too large a file', 'a'.repeat(1_000_001), {}, 413, 'over the limit of 1000000 bytes'],
  ])('of %s is refused, and leaves nothing behind', async (_, content, options, status, detail) => {
    const id = newId();
    const body = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
    expect(await upload(id, body, options)).toMatchObject({ status, body: { detail: expect.stringContaining(detail) } });
    expect((await get(id)).status).toBe(404);
  });

  test('into a log that is no sheet is refused, and one without a body', async () => {
    const id = newId();
    await database.ownerPool.query(`insert into tidemark.logs (id, type) values ($1, 'order')`, [id]);
    expect(await upload(id, 'a\n')).toMatchObject({ status: 400, body: { detail: expect.stringContaining("of type 'order'") } });
    expect(await server.request('POST', `/logs/${newId()}/import`)).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('no file') },
    });
  });

  test('that is too large without saying so is stopped there, and says which rows are in the sheet', async () => {
    const id = newId();
    let sent = 0;
    async function* content() {
      for (; sent < 1_100_000; sent += 10_010) yield Buffer.from(`${'a'.repeat(1_000)}\n`.repeat(10));
    }
    const response = await fetch(`${server.url}/logs/${id}/import?rowsPerEntry=10`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: content() as unknown as ReadableStream,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    const { code, detail } = (await response.json()) as { code: string; detail: string };
    expect(code).toBe('too_large');
    const rows = Number(/(\d+) rows are in the sheet; the same upload goes on after them/.exec(detail)?.[1]);
    expect((await get(`${id}/sheet`)).body.rows).toBe(rows);
  });

  test('whose client goes away half way leaves whole entries, and the same upload goes on after them', async () => {
    const id = newId();
    const content = csvRows(20_000);
    const socket = await begin(id, content.length, content.slice(0, 250_000));
    await until('rows are in the sheet', async () => (await get(`${id}/sheet`)).body.rows >= 5_000);
    socket.destroy();
    // The place is free again: until then another upload into this sheet is refused.
    const again = await until('the import has ended', async () => {
      const answer = await upload(id, content);
      return answer.body.code === 'import_running' ? undefined : answer;
    });
    expect(again).toMatchObject({ status: 201, body: { rows: 20_000 } });
    expect(again.body.rowsBefore).toBeGreaterThanOrEqual(5_000);
    expect(again.body.rowsBefore).toBeLessThan(20_000);
    expect(parse((await get(`${id}/export`)).body)).toEqual(parse(content));
  });

  test('that is found wrong half way is answered while it is still sent', async () => {
    const id = newId();
    const socket = await begin(id, 900_000, `${csvRows(10)}"open" x\n${csvRows(10_000)}`);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 400 [\s\S]*text after a closing quote/);
    socket.destroy();
  });

  test('that takes too long ends, and another one into the same sheet is refused until then', async () => {
    const id = newId();
    const hasty = await startTestServer(database, { uploadTimeoutMs: 1_000 });
    const socket = await begin(id, 900_000, csvRows(20_000).slice(0, 300_000), hasty);
    const answered = once(socket, 'data');
    await until('another one is refused', async () => {
      const { body } = await hasty.request('POST', `/logs/${id}/import`, 'a\n', { 'content-type': 'text/csv' });
      return body.code === 'import_running';
    });
    expect(String((await answered)[0])).toMatch(/^HTTP\/1.1 408 [\s\S]*more than the 1 s that it may\. (\d+ rows are in|Nothing was)/);
    socket.destroy();
    await hasty.close();
  });

  test('beside four others waits for its turn, and beside two of the same caller', async () => {
    const sockets: Socket[] = [];
    const untilRefused = (user: string) =>
      until('no more are taken', async () => {
        const answer = await upload(newId(), 'a\n', { headers: { 'x-user': user } });
        if (answer.status === 201) sockets.push(await begin(newId(), 100, 'a,b\n', server, user));
        return answer.status === 429 ? answer.body : undefined;
      });
    expect(await untilRefused('anna')).toMatchObject({ code: 'too_many_requests', detail: expect.stringContaining('2 imports of yours') });
    expect(await untilRefused('berta')).toMatchObject({ detail: expect.stringContaining('2 imports of yours') });
    expect(await untilRefused('clara')).toMatchObject({ code: 'too_many_requests', detail: expect.stringContaining('4 imports are open') });
    for (const socket of sockets) socket.destroy();
    await until('there is a place again', async () => (await upload(newId(), 'a\n')).status === 201);
  });

  test('of a caller whose token is revoked meanwhile ends there', async () => {
    const id = newId();
    let isKnown = true;
    const asking = await startTestServer(database, {
      authorize: () => (isKnown ? { scopes: SCOPES } : undefined),
      recheckMs: 50,
    });
    const socket = await begin(id, 900_000, csvRows(20_000).slice(0, 250_000), asking);
    socket.on('error', () => {});
    await until('rows are in the sheet', async () => (await get(`${id}/sheet`)).body.rows >= 5_000);
    isKnown = false;
    await until('it is cut off', () => socket.closed);
    isKnown = true;
    const again = () => asking.request('POST', `/logs/${id}/import?format=csv`, 'a\n', { 'content-type': 'text/csv' });
    await until('it has ended', async () => (await again()).body.code !== 'import_running');
    await asking.close();
  });

  test('of a caller who may only read, or not this log, is refused before anything is read', async () => {
    const reader = await startTestServer(database, {
      authorize: ({ headers }) => ({ scopes: headers.authorization ? ['write'] : ['read'], logPrefixes: ['mine-'] }),
    });
    const post = (id: string, headers: Record<string, string>) =>
      fetch(`${reader.url}/logs/${id}/import`, { method: 'POST', body: 'a\n', headers: { 'content-type': 'text/csv', ...headers } });
    expect((await post('mine-1', {})).status).toBe(403);
    expect((await post('other', { authorization: 'Bearer x' })).status).toBe(403);
    expect((await get('mine-1')).status).toBe(404);
    await reader.close();
  });
});

describe('an export', () => {
  test('is of one moment, now or before an entry, whole or a range', async () => {
    const id = newId();
    const log = server.tidemark.log(sheet, id);
    const cell = (row: number, value: string) => ({ type: 'SetCellValueAndFormat' as const, row, column: 0, value });
    await log.append([cell(0, '=1+1'), cell(1, 'x')], { expect: 'any' });
    await log.append(cell(1, 'y'), { expect: 'any' });
    expect((await get(`${id}/export`)).body).toBe('=1+1\ny\n');
    const past = await get(`${id}/export?at=2&range=A2:B2`);
    expect(past.body).toBe('x,\n');
    expect(past.headers.get('content-disposition')).toBe(`attachment; filename="${id}-at-2.csv"`);
    expect((await get(`${id}/export?escapeFormulas=true`)).body).toBe("'=1+1\ny\n");
    expect(await get(`${id}/export?at=4`)).toMatchObject({ status: 416 });
    expect(await get(`${id}/export?at=0`)).toMatchObject({ status: 400, body: { detail: expect.stringContaining('no cells') } });
    expect(await get(`${id}/export?format=xlsx&range=A1:A1048577`)).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(await get(`${id}/export?format=pdf`)).toMatchObject({ status: 400 });
    expect((await get('nowhere/export')).status).toBe(404);
  });

  test('that nobody takes any more ends, and gives its place back', async () => {
    const id = newId();
    const values = Array.from({ length: 40 }, () => ['x'.repeat(20_000)]);
    const log = server.tidemark.log(sheet, id);
    for (let row = 0; row < 600; row += 40) await log.append({ type: 'SetCellRange', row, column: 0, values }, { expect: 'any' });
    const socketOf = async (user: string) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.write(`GET /logs/${id}/export HTTP/1.1\r\nhost: x\r\nx-user: ${user}\r\n\r\n`);
      await once(socket, 'data');
      // Nothing more is read: the rest stays where it is.
      socket.pause();
      return socket;
    };
    const refused = (detail: string) => ({ status: 429, body: { code: 'too_many_requests', detail: expect.stringContaining(detail) } });
    const sockets = await Promise.all(Array.from({ length: 4 }, () => socketOf('tester')));
    expect(await get(`${id}/export`), 'nobody takes all').toMatchObject(refused('4 exports of yours are open'));
    sockets.push(...(await Promise.all(Array.from({ length: 4 }, () => socketOf('anna')))));
    const others = await server.request('GET', `/logs/${id}/export`, undefined, { 'x-user': 'berta' });
    expect(others).toMatchObject(refused('8 exports are open'));
    for (const socket of sockets) socket.destroy();
    await until('there is a place again', async () => (await get(`${id}/export?range=A1`)).status === 200);
  });

  test('whose client has gone before it begins, or waits behind another of its connection, takes no place', async () => {
    const id = newId();
    await server.tidemark.log(sheet, id).append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 }, { expect: 'any' });
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let asked = 0;
    const slow = await startTestServer(database, {
      authorize: async () => {
        asked += 1;
        if (asked <= 16) await held;
        return { scopes: SCOPES };
      },
      recheckMs: 20,
    });
    const head = `GET /logs/${id}/export HTTP/1.1\r\nhost: x\r\n\r\n`;
    const sockets = await Promise.all(Array.from({ length: 8 }, () => openSocket(slow.url)));
    for (const socket of sockets) socket.write(head + head);
    await until('all are in the middle', () => asked === 16);
    for (const socket of sockets) socket.destroy();
    const openSockets = () => new Promise<number>((resolve) => slow.app.server.getConnections((_, count) => resolve(count)));
    await until('the server knows', async () => (await openSockets()) === 0);
    letGo();
    await until('there are places', async () => (await slow.request('GET', `/logs/${id}/export`)).status === 200);
    asked = 16;
    const { status } = await slow.request('GET', `/logs/${id}/export`);
    expect({ status, asked }, 'nobody asks about those that have gone').toEqual({ status: 200, asked: 17 });
    await slow.close();
  });
});
