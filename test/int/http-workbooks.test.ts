/** Workbooks over REST. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SCOPES } from '../../src/http/access.ts';
import { authorizeEverybodyHere } from '../../src/http/everybody-here.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { type RecordsServer, startRecordsServer } from '../support/records-server.ts';

let database: TestDatabase;
let records: RecordsServer;
let server: TestServer;
/** Whoever asks, and what logs they reach. */
let caller: { actor?: string; logPrefixes?: string[] } = { actor: 'ann' };

beforeAll(async () => {
  database = await createTestDatabase();
  records = await startRecordsServer({ size: 30 });
  process.env.TIDEMARK_SOURCE_HOSTS = records.host;
  server = await startTestServer(database, { authorize: () => ({ id: 'somebody', scopes: SCOPES, ...caller }) });
});
afterAll(async () => {
  delete process.env.TIDEMARK_SOURCE_HOSTS;
  await server?.close();
  await records?.close();
  await database?.drop();
});
const orders = () => ({ id: 'orders', source: { kind: 'csv', url: `${records.url}/csv/orders` } });

test('a workbook is created and its download enqueued at once; when it is done its tables have sheets', async () => {
  const { status, headers, body } = await server.request('POST', '/workbooks', {
    id: 'sales',
    title: 'Sales',
    tables: [orders()],
    metadata: { ticket: 7 },
  });
  expect(status).toBe(202);
  expect(body).toMatchObject({ workbook: { id: 'sales', title: 'Sales', actor: 'ann', tables: [orders()] }, job: { answer: 'created' } });
  expect(headers.get('location')).toBe(body.job.href);
  expect(body.job.href).toBe(`/jobs/${encodeURIComponent(body.job.id)}`);
  expect(body.workbook.tables[0].sheet).toBeUndefined();
  const again = await server.request('POST', '/workbooks/sales/download', {});
  expect([again.status, again.body.job.answer, again.body.job.id]).toEqual([202, 'ignored', body.job.id]);

  await runUntilIdle(server.tidemark);
  expect((await server.tidemark.job(body.job.id).status()).input).toMatchObject({ actor: 'ann', metadata: { ticket: 7 } });
  const found = await server.request('GET', '/workbooks/sales');
  expect(found.body.tables).toMatchObject([{ id: 'orders', sheet: 'sales.orders.1', records: 30 }]);
  expect((await server.request('GET', '/logs/sales.orders.1/cells?range=A1:C3')).status).toBe(200);
  expect((await server.request('GET', '/workbooks')).body.workbooks).toEqual([found.body]);

  const next = await server.request('POST', '/workbooks/sales/download', { tableIds: ['orders'] });
  expect([next.status, next.body.job.answer]).toEqual([202, 'created']);
  await runUntilIdle(server.tidemark);
  expect((await server.request('GET', '/workbooks/sales')).body.tables[0].sheet).toBe('sales.orders.2');
});

test('one that is refused leaves nothing behind', async () => {
  const refused = await server.request('POST', '/workbooks', { id: 'bad', tables: [{ id: 'a', source: { kind: 'ftp' } }] });
  expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining("is of kind 'ftp', which is unknown")]);
  expect((await server.request('GET', '/workbooks/bad')).body.code).toBe('workbook_not_found');
  await server.request('POST', '/workbooks', { id: 'taken', tables: [orders()] });
  const twice = await server.request('POST', '/workbooks', { id: 'taken', tables: [orders()] });
  expect([twice.status, twice.body.code]).toEqual([409, 'workbook_exists']);
});

test('who reaches some logs only, reaches workbooks whose sheets are among them', async () => {
  caller = { actor: 'bob', logPrefixes: ['team-'] };
  try {
    expect((await server.request('GET', '/workbooks/sales')).status).toBe(403);
    expect((await server.request('POST', '/workbooks/sales/download', {})).status).toBe(403);
    const unnamed = await server.request('POST', '/workbooks', { tables: [orders()] });
    expect([unnamed.status, unnamed.body.detail]).toEqual([403, expect.stringContaining("an id that begins with 'team-'")]);
    const { status, headers } = await server.request('POST', '/workbooks', { id: 'team-a', tables: [orders()] });
    expect(status).toBe(202);
    expect((await server.request('GET', '/workbooks')).body.workbooks).toMatchObject([{ id: 'team-a' }]);

    const job = headers.get('location') as string;
    expect((await server.request('GET', job)).body).toMatchObject({ state: 'waiting', input: { workbookId: 'team-a' } });
    expect((await server.request('POST', `${job}/cancel`)).body.changed).toBe(true);
    expect((await server.request('GET', `${job}/events`)).body).toContain('"state":"cancelled"');
    caller = { actor: 'ann' };
    const ofAnn = await server.request('POST', '/workbooks/sales/download', {});
    caller = { actor: 'bob', logPrefixes: ['team-'] };
    const asked = await Promise.all(['', '/events'].map((rest) => server.request('GET', `${ofAnn.body.job.href}${rest}`)));
    expect([...asked, await server.request('POST', `${ofAnn.body.job.href}/cancel`)].map(({ status }) => status)).toEqual([403, 403, 403]);
    expect((await server.request('GET', '/jobs/download-records%3Anone')).status).toBe(404);
  } finally {
    caller = { actor: 'ann' };
  }
});

test('where jobs run in whoever enqueues them, its records are there with the answer', async () => {
  const { app, close } = await startTestServer(database, { useJobs: false });
  try {
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/workbooks', payload: { id: 'inline', tables: [orders()] } });
    expect(statusCode).toBe(200);
    expect(JSON.parse(body).workbook.tables).toMatchObject([{ sheet: 'inline.orders.1', records: 30 }]);
  } finally {
    await close();
  }
});

test('where nobody is asked who they are, they are whoever is on this machine', async () => {
  const { request, close } = await startTestServer(database, authorizeEverybodyHere({ host: '127.0.0.1' }));
  try {
    const { status, body } = await request('POST', '/workbooks', { id: 'own', tables: [orders()] });
    expect([status, body.workbook.actor]).toEqual([202, 'local']);
    expect((await request('POST', '/workbooks/own/download', {})).status).toBe(202);
  } finally {
    await close();
  }
});
