/**
 * For each operation of the OpenAPI document and each status that it may answer, a request that is answered so. What follows from what an
 * operation takes and who may ask (401, 403, 408, 413, 414, 415, 429) is made from its first request here, unless it has one of its own.
 */
import type { TestServer } from './http-server.ts';

export interface DocumentedRequest {
  /** Path and query; default: the operation's own path. */
  at?: string;
  /** Sent as JSON; a text as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** `nobody`: without a token. `guest`: with one that allows none of this. `stranger`: refused before it is known what they want. */
  as?: 'somebody' | 'nobody' | 'guest' | 'stranger';
  /** Of a problem. Default: the usual one of its status. */
  code?: string;
  /** What has to have happened before. */
  after?: (server: TestServer, headers: Record<string, string>) => Promise<unknown>;
}

/** What the server holds: a sheet 'flights' with two entries, of which the second has a snapshot. */
export const documentedRequests = (token: string): Record<string, Record<number, DocumentedRequest>> => ({
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
});

function cell(value: number) {
  return { type: 'SetCellValueAndFormat', row: 0, column: 0, value };
}
