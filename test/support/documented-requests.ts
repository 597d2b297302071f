/**
 * For each operation of the OpenAPI document and each status that it may answer, a request that is answered so. What follows from what an
 * operation takes and who may ask (401, 403, 408, 413, 414, 415, 429, 431) is made from its first request here, unless it has one of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { sheet } from '../../src/index.ts';
import type { Scene } from './documented-scene.ts';
import type { TestServer } from './http-server.ts';
import { until } from './until.ts';

export interface DocumentedRequest {
  /** Path and query; default: the operation's own path. */
  at?: string;
  /** Sent as JSON; a text as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** `nobody`: without a token. `guest`: with one that allows publishing alone. `enqueuer`: with one that allows jobs alone. `stranger`: refused before it is known what they want. */
  as?: 'somebody' | 'nobody' | 'guest' | 'enqueuer' | 'stranger';
  /** Of a server that runs jobs itself. */
  isInline?: boolean;
  /** The answer goes on: its beginning is enough. */
  isStream?: boolean;
  /** Of a problem. Default: the usual one of its status. */
  code?: string;
  /** What has to have happened before. */
  after?: (server: TestServer, headers: Record<string, string>) => Promise<unknown>;
}

const PAST = { from: '2024-11-01T00:00:00Z', to: '2024-11-03T00:00:00Z' };

/** Over the scene of documented-scene.ts. */
export const documentedRequests = ({
  token,
  url,
  blobId,
  deadLetterId,
}: { token: string; url: string } & Scene): Record<string, Record<number, DocumentedRequest>> => ({
  'GET /session': { 200: {} },
  'POST /session': {
    204: { body: { token } },
    400: { body: {} },
    401: { body: { token: 'tdm_not-one' } },
    403: { body: { token }, headers: { origin: 'https://elsewhere.example' }, as: 'nobody', code: 'cross_origin' },
    429: {
      body: { token: 'x' },
      async after(server) {
        for (let tries = 0; tries < 10; tries += 1) await server.request('POST', '/session', { token: 'x' });
      },
    },
  },
  'DELETE /session': { 204: {} },
  'GET /logs': { 200: {}, 400: { at: '/logs?limit=0' } },
  'POST /logs': {
    200: { body: { id: 'flights' } },
    201: { body: { id: 'made', type: 'sheet' } },
    400: { body: { id: '../made' } },
  },
  'GET /logs/{logId}': {
    200: { at: '/logs/flights' },
    400: { at: '/logs/Flights' },
    404: { at: '/logs/nowhere', code: 'log_not_found' },
  },
  'GET /logs/{logId}/entries': {
    200: { at: '/logs/flights/entries?provenance=true&snapshotId=none' },
    400: { at: '/logs/flights/entries?start=-1' },
    404: { at: '/logs/nowhere/entries', code: 'log_not_found' },
    416: { at: '/logs/flights/entries?start=99', code: 'sequence_range' },
  },
  'POST /logs/{logId}/entries': {
    201: { at: '/logs/flights/entries', body: { entries: [cell(1)], expect: 'any', snapshotId: 'none' } },
    400: { at: '/logs/flights/entries', body: { entries: [{ ...cell(1), pending: 'snapshot' }], expect: 'any' } },
    404: { at: '/logs/nowhere/entries', body: { entries: [cell(1)], expect: 'any' }, code: 'log_not_found' },
    409: { at: '/logs/flights/entries', body: { entries: [cell(1)], expect: '0' } },
    422: {
      at: '/logs/flights/entries',
      body: { entries: [cell(2)], expect: 'any' },
      headers: { 'idempotency-key': 'used' },
      code: 'idempotency_key_reused',
      after: (server, headers) =>
        server.request('POST', '/logs/flights/entries', { entries: [cell(1)], expect: 'any' }, { ...headers, 'idempotency-key': 'used' }),
    },
  },
  'GET /logs/{logId}/events': {
    200: { at: '/logs/flights/events?from=0', isStream: true },
    400: { at: '/logs/flights/events?from=-1' },
    404: { at: '/logs/nowhere/events', code: 'log_not_found' },
    416: { at: '/logs/flights/events?from=99', code: 'sequence_range' },
  },
  'GET /logs/{logId}/blobs': {
    200: { at: '/logs/flights/blobs' },
    400: { at: '/logs/flights/blobs?continuation=x', code: 'no_continuation' },
    404: { at: '/logs/nowhere/blobs', code: 'log_not_found' },
    409: { at: `/logs/flights/blobs?dir=${blobId}`, code: 'blob_wrong_kind' },
  },
  'GET /logs/{logId}/blobs/{name}': {
    200: { at: `/logs/flights/blobs/${blobId}` },
    206: { at: `/logs/flights/blobs/${blobId}`, headers: { range: 'bytes=1-2' } },
    304: { at: `/logs/flights/blobs/${blobId}`, headers: { 'if-none-match': `"${blobId}"` } },
    400: { at: '/logs/flights/blobs/a%3Ab', code: 'invalid_blob_name' },
    404: { at: '/logs/flights/blobs/none', code: 'blob_not_found' },
    409: { at: `/logs/flights/blobs/${blobId}%2Fnone`, code: 'blob_wrong_kind' },
    416: { at: `/logs/flights/blobs/${blobId}`, headers: { range: 'bytes=99999-' }, code: 'range_not_satisfiable' },
  },
  'PUT /logs/{logId}/blobs/{name}': { 403: { at: `/logs/flights/blobs/${blobId}`, code: 'not_exposed' } },
  'DELETE /logs/{logId}/blobs/{name}': { 403: { at: `/logs/flights/blobs/${blobId}`, code: 'not_exposed' } },
  'PATCH /logs/{logId}/entries/{sequenceId}': { 403: { at: '/logs/flights/entries/0', code: 'not_exposed' } },
  'POST /logs/{logId}/entries/{sequenceId}/complete': { 403: { at: '/logs/flights/entries/0/complete', code: 'not_exposed' } },
  'POST /logs/{logId}/truncate': { 403: { at: '/logs/flights/truncate', code: 'not_exposed' } },
  'GET /metrics': { 200: {} },
  'GET /health/live': { 200: {} },
  'GET /health/ready': { 200: {} },
  'GET /logs/{logId}/snapshots': {
    200: { at: '/logs/flights/snapshots' },
    400: { at: '/logs/flights/snapshots?limit=0' },
    404: { at: '/logs/nowhere/snapshots', code: 'log_not_found' },
  },
  'GET /logs/{logId}/snapshots/{sequenceId}/tiles': {
    200: { at: '/logs/flights/snapshots/2/tiles' },
    400: { at: '/logs/notes/snapshots/0/tiles' },
    404: { at: '/logs/flights/snapshots/1/tiles', code: 'snapshot_not_found' },
  },
  'GET /logs/{logId}/sheet': {
    200: { at: '/logs/flights/sheet' },
    400: { at: '/logs/notes/sheet' },
    404: { at: '/logs/nowhere/sheet', code: 'log_not_found' },
    410: { at: '/logs/gone/sheet', code: 'history_gone', after: loseHistory },
    416: { at: '/logs/flights/sheet?at=99', code: 'sequence_range' },
  },
  'GET /logs/{logId}/cells': {
    200: { at: '/logs/flights/cells?range=A1:B2' },
    400: { at: '/logs/flights/cells?range=A0' },
    404: { at: '/logs/nowhere/cells?range=A1', code: 'log_not_found' },
    410: { at: '/logs/gone/cells?range=A1', code: 'history_gone', after: loseHistory },
    416: { at: '/logs/flights/cells?range=A1&at=99', code: 'sequence_range' },
  },
  'GET /logs/{logId}/cells/{cell}/history': {
    200: { at: '/logs/flights/cells/A1/history' },
    400: { at: '/logs/flights/cells/A0/history' },
    404: { at: '/logs/nowhere/cells/A1/history', code: 'log_not_found' },
  },
  'GET /logs/{logId}/export': {
    200: { at: '/logs/flights/export' },
    400: { at: '/logs/flights/export?format=pdf' },
    404: { at: '/logs/nowhere/export', code: 'log_not_found' },
    410: { at: '/logs/gone/export', code: 'history_gone', after: loseHistory },
    416: { at: '/logs/flights/export?at=99', code: 'sequence_range' },
  },
  'POST /logs/{logId}/import': {
    201: { at: '/logs/imported/import', ...csv('a,1\n') },
    400: { at: '/logs/flights/import', ...csv('a,1\n') },
    409: { at: '/logs/importing/import', ...csv('a,1\n'), code: 'import_running', after: importSlowly },
  },
  'POST /workbooks': {
    200: { body: { id: 'own', tables: [openTable(url)] }, isInline: true },
    202: { body: { id: 'made', tables: [table] } },
    400: { body: { tables: [] } },
    409: { body: { id: 'sales', tables: [table] }, code: 'workbook_exists' },
  },
  'GET /workbooks': { 200: {}, 400: { at: '/workbooks?limit=0' } },
  'GET /workbooks/{workbookId}': {
    200: { at: '/workbooks/sales' },
    400: { at: '/workbooks/Sales' },
    404: { at: '/workbooks/nowhere', code: 'workbook_not_found' },
  },
  'POST /workbooks/{workbookId}/download': {
    200: { at: '/workbooks/own/download', body: {}, isInline: true },
    202: { at: '/workbooks/sales/download', body: {} },
    400: { at: '/workbooks/sales/download', body: { tableIds: [] } },
    404: { at: '/workbooks/nowhere/download', body: {}, code: 'workbook_not_found' },
  },
  'GET /work': { 200: { at: '/work?state=dead' }, 400: { at: '/work?state=gone' } },
  'GET /work/{workId}': {
    200: { at: '/work/mail%2F1' },
    400: { at: `/work/${'a'.repeat(501)}` },
    404: { at: '/work/mail%2F9', code: 'work_not_found' },
  },
  'GET /work/stats': { 200: {}, 400: { at: `/work/stats?group=${'a'.repeat(101)}` } },
  'GET /work/throughput': { 200: {}, 400: { at: '/work/throughput?minutes=0' } },
  'GET /work/errors': { 200: {}, 400: { at: '/work/errors?limit=0' } },
  'GET /topics': { 200: {} },
  'POST /topics/{topic}/messages': {
    201: { at: '/topics/order-placed/messages', body: { data: { orderId: 'o2' }, attributes: { source: 'web' } } },
    400: { at: '/topics/order-placed/messages', body: { data: { orderId: 7 } } },
    404: { at: '/topics/nowhere/messages', body: { data: {} }, code: 'topic_not_found' },
    422: {
      at: '/topics/order-placed/messages',
      body: { data: { orderId: 'another' } },
      headers: { 'idempotency-key': 'used' },
      code: 'idempotency_key_reused',
      after: (server, headers) =>
        server.request('POST', '/topics/order-placed/messages', { data: { orderId: 'one' } }, { ...headers, 'idempotency-key': 'used' }),
    },
  },
  'GET /subscriptions': { 200: {} },
  'POST /subscriptions/{subscription}/pause': {
    200: { at: '/subscriptions/mail/pause' },
    400: { at: '/subscriptions/No%20Name/pause' },
    404: { at: '/subscriptions/nobody/pause', code: 'subscription_not_found' },
  },
  'POST /subscriptions/{subscription}/resume': {
    200: { at: '/subscriptions/mail/resume' },
    400: { at: '/subscriptions/No%20Name/resume' },
    404: { at: '/subscriptions/nobody/resume', code: 'subscription_not_found' },
  },
  'POST /jobs/{job}': {
    200: { at: '/jobs/report', body: { input: { month: '1' }, id: 'inline' }, isInline: true },
    202: { at: '/jobs/report', body: { input: { month: '1' }, id: 'documented' } },
    400: { at: '/jobs/report', body: { input: { month: 1 } } },
    404: { at: '/jobs/nothing', body: {}, code: 'unknown_job' },
    422: {
      at: '/jobs/report',
      body: { input: { month: '2' } },
      headers: { 'idempotency-key': 'used' },
      code: 'idempotency_key_reused',
      after: (server, headers) =>
        server.request('POST', '/jobs/report', { input: { month: '1' } }, { ...headers, 'idempotency-key': 'used' }),
    },
  },
  'GET /jobs': { 200: { at: '/jobs?name=report&state=waiting' }, 400: { at: '/jobs?state=gone' } },
  'GET /jobs/{job}': {
    200: { at: '/jobs/report%3Alater?waitMs=1' },
    400: { at: '/jobs/report%3Alater?waitMs=60001' },
    404: { at: '/jobs/report%3Anobody', code: 'job_not_found' },
  },
  'GET /jobs/{job}/events': {
    200: { at: '/jobs/report%3Alater/events', isStream: true },
    204: { at: '/jobs/report%3Aended/events', headers: { 'last-event-id': 'ended-2026-11-01T10:00:00.000Z' } },
    400: { at: '/jobs/report/events' },
    404: { at: '/jobs/report%3Anobody/events', code: 'job_not_found' },
  },
  'POST /jobs/{job}/cancel': {
    200: { at: '/jobs/report%3Aended/cancel' },
    400: { at: '/jobs/report/cancel' },
    404: { at: '/jobs/report%3Anobody/cancel', code: 'job_not_found' },
  },
  'POST /jobs/{job}/redrive': {
    200: { at: '/jobs/report%3Aended/redrive' },
    400: { at: '/jobs/report/redrive' },
    404: { at: '/jobs/report%3Anobody/redrive', code: 'job_not_found' },
  },
  'POST /jobs/{job}/run-now': {
    200: { at: '/jobs/report%3Aended/run-now' },
    400: { at: '/jobs/report/run-now' },
    404: { at: '/jobs/report%3Anobody/run-now', code: 'job_not_found' },
  },
  'GET /schedules': { 200: {} },
  'GET /schedules/{schedule}': {
    200: { at: '/schedules/newsletter' },
    400: { at: '/schedules/News' },
    404: { at: '/schedules/nowhere', code: 'schedule_not_found' },
  },
  'GET /schedules/{schedule}/next': {
    200: { at: '/schedules/newsletter/next?limit=3' },
    400: { at: '/schedules/newsletter/next?limit=0' },
    404: { at: '/schedules/nowhere/next', code: 'schedule_not_found' },
  },
  'POST /schedules/{schedule}/trigger': {
    200: { at: '/schedules/newsletter/trigger', body: {} },
    400: { at: '/schedules/newsletter/trigger', body: { overlap: 'never' } },
    404: { at: '/schedules/nowhere/trigger', body: {}, code: 'schedule_not_found' },
  },
  'POST /schedules/{schedule}/pause': {
    200: { at: '/schedules/newsletter/pause', body: { note: 'documented' } },
    400: { at: '/schedules/newsletter/pause', body: { note: '' } },
    404: { at: '/schedules/nowhere/pause', body: {}, code: 'schedule_not_found' },
  },
  'POST /schedules/{schedule}/resume': {
    200: { at: '/schedules/newsletter/resume', body: {} },
    400: { at: '/schedules/newsletter/resume', body: { note: '' } },
    404: { at: '/schedules/nowhere/resume', body: {}, code: 'schedule_not_found' },
  },
  'POST /schedules/{schedule}/backfill': {
    200: { at: '/schedules/newsletter/backfill', body: PAST },
    400: { at: '/schedules/newsletter/backfill', body: { from: PAST.to, to: PAST.from } },
    404: { at: '/schedules/nowhere/backfill', body: PAST, code: 'schedule_not_found' },
  },
  'POST /jobs/cancel': { 200: { body: { actor: 'nobody', state: 'running' } }, 400: { body: {} } },
  'POST /jobs/redrive': { 200: { body: { ids: ['report:ended'] } }, 400: { body: { state: 'done' } } },
  'POST /jobs/run-now': { 200: { body: { name: 'nothing' } }, 400: { body: { ids: [] } } },
  'GET /dead-letters': { 200: { at: '/dead-letters?subscription=mail' }, 400: { at: '/dead-letters?limit=0' } },
  'GET /dead-letters/{workId}': {
    200: { at: `/dead-letters/${encodeURIComponent(deadLetterId)}` },
    400: { at: `/dead-letters/${'a'.repeat(501)}` },
    404: { at: '/dead-letters/mail%2F1', code: 'work_not_found' },
  },
  'POST /dead-letters/redrive': { 200: { body: { subscription: 'nobodys', ratePerSecond: 5 } }, 400: { body: { correlationId: 'c' } } },
  'POST /dead-letters/discard': { 200: { body: { ids: [deadLetterId], correlationId: 'c' } }, 400: { body: { ratePerSecond: 5 } } },
  'POST /work/redrive': { 200: { body: { group: 'nobodys' } }, 400: { body: {} } },
  'POST /work/discard': { 200: { body: { ids: ['mail/1'] } }, 400: { body: { units: 1 } } },
});

/** Of a workbook. Nothing downloads it. */
const table = { id: 'orders', source: { kind: 'csv', url: 'https://example.com/orders.csv' } };

/** What a server says to everybody. */
const openTable = (url: string) => ({ id: 'servers', source: { kind: 'rest', url: `${url}/openapi.json`, records: 'servers' } });

function cell(value: number) {
  return { type: 'SetCellValueAndFormat', row: 0, column: 0, value };
}

function csv(body: string) {
  return { body, headers: { 'content-type': 'text/csv' } };
}

/** Entries are gone, and nothing stands for them. */
async function loseHistory({ tidemark }: TestServer): Promise<void> {
  const log = tidemark.log(sheet, 'gone');
  if (await log.exists()) return;
  await log.append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 }, { expect: 0n });
  await log.eventLog.truncate(1n);
}

/** Begins an import, of which the end does not come; the client goes away some time later. */
async function importSlowly(server: TestServer, headers: Record<string, string>): Promise<void> {
  const gone = new AbortController();
  async function* rows() {
    yield Buffer.from('a,1\n'.repeat(1_000));
    await delay(5_000, undefined, { ref: false, signal: gone.signal });
  }
  fetch(`${server.url}/logs/importing/import?rowsPerEntry=1`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'text/csv' },
    body: rows() as unknown as ReadableStream,
    duplex: 'half',
    signal: gone.signal,
  } as RequestInit).catch(() => {});
  await until('rows are in the sheet', () => server.tidemark.log(sheet, 'importing').exists());
  setTimeout(() => gone.abort(), 1_000);
}
