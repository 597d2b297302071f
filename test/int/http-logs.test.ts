/** Logs over REST: create, list, inspect, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sheet } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database);
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

describe('a log', () => {
  test('is made once, and is there from then on', async () => {
    const made = await server.request('POST', '/logs', { id: 'flights', type: 'sheet' });
    expect(made).toMatchObject({ status: 201, body: { id: 'flights', type: 'sheet', firstSequenceId: '0', nextSequenceId: '0' } });
    expect(await server.request('POST', '/logs', { id: 'flights' })).toMatchObject({ status: 200, body: made.body });
  });

  test('says what it holds, and what is not done', async () => {
    const log = server.tidemark.log(sheet, 'inspected');
    await log.append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 }, { expect: 'any' });
    await log.append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 2 }, { expect: 'any', pending: 'snapshot' });
    await log.eventLog.setMetadata(0n, { snapshot: 'a', history: 'b' });
    expect(await server.request('GET', '/logs/inspected')).toMatchObject({
      status: 200,
      body: {
        nextSequenceId: '2',
        pending: 1,
        lastSnapshot: { sequenceId: '0', blobId: 'a' },
        lastHistory: { sequenceId: '0', blobId: 'b' },
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    });
  });

  test('that is not there, of an unknown type, or of a bad name is refused', async () => {
    expect(await server.request('GET', '/logs/nowhere')).toMatchObject({ status: 404, body: { code: 'log_not_found', status: 404 } });
    expect(await server.request('POST', '/logs', { id: 'x', type: 'nothing' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_input', detail: expect.stringContaining("'nothing'") },
    });
    const bad = await server.request('POST', '/logs', { id: '../x' });
    expect(bad).toMatchObject({ status: 400, body: { code: 'invalid_input', detail: expect.stringContaining('body.id') } });
    expect(bad.headers.get('content-type')).toContain('application/problem+json');
  });
});

test('logs are listed by id, a page at a time, by prefix and type', async () => {
  for (const id of ['a-1', 'a-2', 'a-3', 'b-1']) await server.request('POST', '/logs', { id });
  const first = await server.request('GET', '/logs?prefix=a-&limit=2');
  expect(first.body).toMatchObject({ logs: [{ id: 'a-1' }, { id: 'a-2' }], next: 'a-2' });
  const second = await server.request('GET', `/logs?prefix=a-&limit=2&after=${first.body.next}`);
  expect(second.body.logs.map(({ id }: { id: string }) => id)).toEqual(['a-3']);
  expect(second.body.next).toBeUndefined();
  expect((await server.request('GET', '/logs?type=account')).body).toEqual({ logs: [] });
});

test('a NUL character in a text is refused, not a fault of the server', async () => {
  expect(await server.request('GET', '/logs?prefix=a%00b')).toMatchObject({
    status: 400,
    body: { code: 'invalid_input', detail: 'A text holds a NUL character, which the database cannot take. Leave it out.' },
  });
});

test('a route that is not there, and a body that is not JSON, are problems', async () => {
  expect(await server.request('GET', '/nothing?token=abc')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect(await server.request('POST', '/logs', '{"id":')).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
});

test('the API is described as OpenAPI 3.1, with what each route needs and answers', async () => {
  const { body } = await server.request('GET', '/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths['/logs/{logId}'].get.responses)).toEqual(expect.arrayContaining(['200', '401', '403', '404']));
  expect(body.components.schemas.Problem.properties.code).toBeDefined();
  expect((await server.request('GET', '/docs/')).status).toBe(200);
});
