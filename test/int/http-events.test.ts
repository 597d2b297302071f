/** Live streams over REST: what readers get, also when they are slow, when they come back, and when the server does. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import type { PositionedEvent } from '../../src/client/log-events.ts';
import { type Authorize, SCOPES } from '../../src/http/access.ts';
import { createHttpApp } from '../../src/http/http-app.ts';
import type { EventOptions } from '../../src/http/http-context.ts';
import { sheet } from '../../src/index.ts';
import type { Database } from '../../src/postgres/queryable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type EventStream, openEventStream } from '../support/event-stream.ts';
import { everybody, startTestServer, type TestServer } from '../support/http-server.ts';
import { askAndLeave } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let server: TestServer;
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 20 });
  server = await startTestServer(database);
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

const cell = (row: number, value: string | number = row) => ({ type: 'SetCellValueAndFormat' as const, row, column: 0, value });
const logOf = (id: string) => server.tidemark.log(sheet, id);
const append = (id: string, rows: number[]) =>
  logOf(id).append(
    rows.map((row) => cell(row)),
    { expect: 'any', actor: 'writer' },
  );

async function newLog(rows = 0): Promise<string> {
  const id = `live-${count++}`;
  await server.request('POST', '/logs', { id });
  if (rows > 0)
    await append(
      id,
      Array.from({ length: rows }, (_, row) => row),
    );
  return id;
}

async function open(id: string, query = '', headers = {}, url = server.url): Promise<EventStream> {
  const stream = await openEventStream(`${url}/logs/${id}/events${query}`, headers);
  onTestFinished(() => stream.close());
  return stream;
}

async function serverWith(events: EventOptions, options: { db?: Database; authorize?: Authorize } = {}): Promise<TestServer> {
  const own = await startTestServer(database, { events, ...options });
  onTestFinished(() => own.close());
  return own;
}

describe('a stream', () => {
  test('begins at the end, and brings what is appended, with who wrote it and where to resume', async () => {
    const id = await newLog(3);
    const stream = await open(id);
    expect(await stream.next('marked')).toEqual({ id: '3', event: 'marked', data: { entries: [], isComplete: true } });
    await append(id, [3, 4]);
    expect(await stream.next('entries')).toEqual({
      id: '5',
      event: 'entries',
      data: {
        startSequenceId: '3',
        nextSequenceId: '5',
        entries: [cell(3), cell(4)],
        provenance: Array(2).fill({ actor: 'writer', committedAt: expect.stringMatching(/Z$/) }),
      },
    });
  });

  test('from an id, and after Last-Event-ID, begins there', async () => {
    const id = await newLog(5);
    for (const stream of [await open(id, '?from=2'), await open(id, '', { 'last-event-id': '2' })]) {
      expect((await stream.next('entries')).data).toMatchObject({ startSequenceId: '2', entries: [cell(2), cell(3), cell(4)] });
      expect((await stream.next('marked')).id).toBe('5');
    }
  });

  test('of an EventSource that connects again goes on where it was, though its address still says from where it was asked for first', async () => {
    const stream = await open(await newLog(5), '?from=0', { 'last-event-id': '4' });
    expect((await stream.next('entries')).data).toMatchObject({ startSequenceId: '4', entries: [cell(4)] });
  });

  test('of a log that is not there, or from an id that it has not reached, is refused as any request', async () => {
    const id = await newLog(2);
    expect(await server.request('GET', `/logs/${id}/events?from=3`)).toMatchObject({ status: 416, body: { endSequenceId: '2' } });
    expect(await server.request('GET', '/logs/nowhere/events')).toMatchObject({ status: 404, body: { code: 'log_not_found' } });
    expect(await server.request('GET', `/logs/${id}/events?from=x`)).toMatchObject({ status: 400 });
  });

  test('from before the log begins says where that is, and goes on there', async () => {
    const id = await newLog(5);
    await logOf(id).eventLog.truncate(3n);
    const stream = await open(id, '?from=1');
    expect(await stream.next('truncated')).toEqual({ id: '3', event: 'truncated', data: { startSequenceId: '3' } });
    expect((await stream.next('entries')).data).toMatchObject({ startSequenceId: '3', nextSequenceId: '5' });
  });

  test('says when the metadata of an entry that was sent changes: work that is asked for, and done', async () => {
    const id = await newLog(1);
    const stream = await open(id);
    await stream.next('marked');
    await logOf(id).append(cell(1), { expect: 'any', pending: 'snapshot' });
    expect((await stream.next('entries')).data.entries).toEqual([{ ...cell(1), pending: 'snapshot' }]);
    await logOf(id).eventLog.completeWorkflow(1n, 'snapshot', { snapshot: 'one' });
    expect(await stream.next('metadata')).toEqual({ id: '2', event: 'metadata', data: { sequenceId: '1', snapshot: 'one' } });
    await logOf(id).eventLog.setMetadata(0n, { pending: 'compact' });
    expect((await stream.next('metadata')).data).toEqual({ sequenceId: '0', pending: 'compact' });
    await logOf(id).eventLog.setMetadata(0n, { pending: undefined });
    expect((await stream.next('metadata')).data).toEqual({ sequenceId: '0' });
    // Whoever comes back hears what has metadata now, so also what has none any more.
    const again = await open(id, '?from=2');
    expect((await again.next('marked')).data).toEqual({ entries: [{ sequenceId: '1', snapshot: 'one' }], isComplete: true });
  });

  test('passes on what other programs have stored, line ends and all', async () => {
    const id = await newLog(1);
    const stream = await open(id);
    await stream.next('marked');
    await database.pool.query(
      `with log as (update tidemark.logs set next_sequence_id = 2 where id = $1)
       insert into tidemark.entries (log_id, sequence_id, type, data) values ($1, 1, 'Told', $2)`,
      [id, '{"text" :\n "two\\nlines",\r\n\n"n": 1}'],
    );
    expect((await stream.next('entries')).data.entries).toEqual([{ type: 'Told', text: 'two\nlines', n: 1 }]);
  });

  test('has a heartbeat, and ends when the server does', async () => {
    const own = await serverWith({ heartbeatMs: 20 });
    const stream = await open(await newLog(1), '', {}, own.url);
    await until('a heartbeat', () => stream.text.includes(': heartbeat\n\n'));
    await own.close();
    await until('the stream ends', () => stream.isOver, 2_000);
  });

  test('is one of so many: the next one is asked to come later', async () => {
    const own = await serverWith({ maxStreams: 3 }, { authorize: ({ headers }) => ({ id: `${headers['x-user']}`, scopes: SCOPES }) });
    const id = await newLog(1);
    const as = (user: string) => open(id, '', { 'x-user': user }, own.url);
    const ask = (user: string) => own.request('GET', `/logs/${id}/events`, undefined, { 'x-user': user });
    const [first] = [await as('anna'), await as('anna')];
    const most = await ask('anna');
    expect(most, 'and nobody takes all').toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(most.body.detail).toContain('2 streams of yours are open, the most of one caller');
    expect((await as('berta')).status).toBe(200);
    const refused = await ask('clara');
    expect(refused).toMatchObject({ status: 429, body: { detail: expect.stringContaining('3 streams are open') } });
    expect(refused.headers.get('retry-after')).toBe('5');
    first?.close();
    await until('there is room again', async () => {
      const stream = await as('anna');
      stream.close();
      return stream.status === 200;
    });
  });
});

test('200 readers get the same bytes, from one query a change', async () => {
  const statements: string[] = [];
  const { db } = database;
  const counting: Database = {
    ...db,
    query(text, values) {
      statements.push(text);
      return db.query(text, values);
    },
  };
  const own = await serverWith({}, { db: counting });
  const id = await newLog(10);
  const streams = await Promise.all(Array.from({ length: 200 }, () => open(id, '', {}, own.url)));
  await until('all have begun', () => streams.every((stream) => stream.events.length === 1));
  statements.length = 0;
  for (let row = 10; row < 15; row += 1) {
    await append(id, [row]);
    await until('all have it', () => streams.every((stream) => stream.events.at(-1)?.id === String(row + 1)));
  }
  // A hint may come twice: from this process and by LISTEN.
  expect(statements.filter((text) => text.includes('string_agg')).length).toBeLessThanOrEqual(15);
  expect(new Set(streams.map((stream) => stream.text.replaceAll(': heartbeat\n\n', ''))).size).toBe(1);
});

/** Entries of about a megabyte each: the machine keeps some megabytes of a connection by itself. */
async function appendLarge(id: string, entries: number): Promise<void> {
  const values = Array.from({ length: 30 }, () => ['x'.repeat(32_000)]);
  for (let row = 1; row <= entries; row += 1) await logOf(id).append({ type: 'SetCellRange', row, column: 0, values }, { expect: 'any' });
}

/** Reads one event after the other into `seen`, as fast as `gate` lets it. */
async function follow(
  url: string,
  id: string,
  seen: PositionedEvent[],
  gate: () => Promise<unknown>,
  connections: string[],
): Promise<void> {
  const tidemark = connect({
    url,
    fetch: (input, init) => {
      connections.push(String(input));
      return fetch(input, init);
    },
  });
  onTestFinished(() => tidemark.close());
  for await (const event of tidemark.events(id, { from: 0n })) {
    seen.push(event);
    await gate();
  }
}

const rowsIn = (events: PositionedEvent[]) =>
  events.flatMap((event) => (event.event === 'entries' ? event.entries.map((entry) => (entry as unknown as { row: number }).row) : []));

test('a reader that is too slow is cut off, and resumes without a loss', async () => {
  const own = await serverWith({ maxWaitingBytes: 65_536 });
  const id = await newLog(1);
  const seen: PositionedEvent[] = [];
  const connections: string[] = [];
  let openGate = () => {};
  const gate = new Promise<void>((resolve) => {
    openGate = resolve;
  });
  void follow(own.url, id, seen, () => gate, connections);
  await until('it has begun', () => seen.length > 0);
  await appendLarge(id, 30);
  await until('it is cut off', () => new Promise<boolean>((resolve) => own.app.server.getConnections((_, open) => resolve(open === 0))));
  openGate();
  await until('it has everything', () => rowsIn(seen).length >= 31);
  expect(rowsIn(seen)).toEqual(Array.from({ length: 31 }, (_, row) => row));
  expect(connections.length).toBeGreaterThan(1);
});

test('a reader that takes its time over what is there already is not cut off', async () => {
  const own = await serverWith({ heartbeatMs: 20 });
  const id = await newLog(1);
  await appendLarge(id, 12);
  const { socket, accepted } = await askAndLeave(own.app.server, own.url, `/logs/${id}/events?from=0`);
  onTestFinished(() => void socket.destroy());
  let taken = 0;
  let text = '';
  socket.on('data', (bytes) => {
    taken += bytes.length;
    text = text.slice(-100) + bytes.toString('latin1');
    if (text.includes('event: marked')) socket.destroy();
  });
  socket.resume();
  await until('it is over', () => accepted.destroyed);
  expect(text, 'it has caught up').toContain('event: marked');
  expect(taken).toBeGreaterThan(12 * 950_000);
});

test('a reader goes on where it was when the server is gone and another one comes, and nothing is lost or repeated', async () => {
  const id = await newLog(1);
  const first = await startTestServer(database);
  const { port } = new URL(first.url);
  const seen: PositionedEvent[] = [];
  const connections: string[] = [];
  void follow(first.url, id, seen, async () => {}, connections);
  await until('it has begun', () => seen.length > 1);
  first.app.server.closeAllConnections();
  await first.close();
  await append(id, [1, 2, 3]);
  const app = await createHttpApp({ tidemark: server.tidemark, db: database.db, authorize: everybody, version: '0.0.0' });
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: Number(port) });
  await append(id, [4]);
  await until('it has what came meanwhile and since', () => rowsIn(seen).length >= 5);
  app.server.closeAllConnections();
  await append(id, [5]);
  await until('and what came after its connection broke', () => rowsIn(seen).length >= 6);
  expect(rowsIn(seen)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(seen.at(-1)?.position).toBe(6n);
});
