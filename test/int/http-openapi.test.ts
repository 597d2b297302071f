/**
 * The OpenAPI document is kept: for each operation and each status that it documents there is a request that is answered so, and the answer's
 * body is as described. What is documented and not tried here fails, and so does what is tried and not documented.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Authorize } from '../../src/http/access.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { everybody, startTestServer, type TestServer } from '../support/http-server.ts';
import { type Contract, openApiContract } from '../support/openapi.ts';

interface Request {
  /** Path and query; default: the operation's own path. */
  at?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Default: somebody who may do everything. */
  as?: keyof typeof CALLERS;
  /** Of a problem. Default: that of its status below. */
  code?: string;
}

const CALLERS = {
  everybody,
  nobody: () => undefined,
  /** Known, and allowed nothing. */
  guest: () => ({ actor: 'guest', scopes: [] }),
} satisfies Record<string, Authorize>;

const CODES: Record<number, string> = { 400: 'invalid_input', 401: 'unauthenticated', 403: 'forbidden', 404: 'not_found', 409: 'conflict' };

/** By operation and status. 401 and 403 are tried for each as its first request here, by somebody else, where nothing else is said. */
const REQUESTS: Record<string, Record<number, Request>> = {
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
};

/** Documented for every operation, and tried below for the server as a whole. */
const SERVER_WIDE = [429, 500, 503];

const cases = Object.entries(REQUESTS).flatMap(([operation, requests]) => {
  const usual = Object.values(requests)[0] as Request;
  const { code: _, ...request } = usual;
  const all: Record<number, Request> = { 401: { ...request, as: 'nobody' }, 403: { ...request, as: 'guest' }, ...requests };
  return Object.entries(all).map(([status, request]) => ({ operation, status: Number(status), request }));
});

let database: TestDatabase;
let server: TestServer;
let contract: Contract;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, {
    authorize: (request) => CALLERS[(request.headers['x-test-caller'] as keyof typeof CALLERS | undefined) ?? 'everybody'](request),
  });
  await server.request('POST', '/logs', { id: 'flights' });
  contract = openApiContract((await server.request('GET', '/openapi.json')).body);
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

test('each documented status of each operation is tried, and no other', () => {
  const documented = [...contract.operations].flatMap(([operation, statuses]) =>
    statuses.filter((status) => !SERVER_WIDE.includes(status)).map((status) => `${operation} ${status}`),
  );
  expect(cases.map(({ operation, status }) => `${operation} ${status}`).sort()).toEqual(documented.sort());
});

describe('answers as documented:', () => {
  test.each(cases)('$operation $status', async ({ operation, status, request }) => {
    const { at, body, headers, as = 'everybody', code = CODES[status] } = request;
    const [method = '', path = ''] = operation.split(' ');
    const answer = await server.request(method, at ?? path, body, { ...headers, 'x-test-caller': as });
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(contract.problemOf(operation, { ...answer, contentType: answer.headers.get('content-type') })).toBeUndefined();
    if (status >= 400) expect(answer.body).toMatchObject({ status, code });
  });
});

describe('of the server as a whole:', () => {
  async function expectEverywhere(broken: TestServer, status: number, code: string): Promise<void> {
    for (const [operation, requests] of Object.entries(REQUESTS)) {
      const [method = '', path = ''] = operation.split(' ');
      const [{ at = path, body, headers }] = Object.values(requests) as [Request];
      const answer = await broken.request(method, at, body, headers);
      expect(answer, operation).toMatchObject({ status, body: { status, code } });
      expect(contract.problemOf(operation, { ...answer, contentType: answer.headers.get('content-type') })).toBeUndefined();
      expect(JSON.stringify(answer.body)).not.toContain('secret');
    }
  }

  test('503, and when to ask again, where the database does not answer', async () => {
    const gone = await createTestDatabase();
    const broken = await startTestServer(gone);
    try {
      await database.ownerPool.query(`alter database ${gone.name} allow_connections false`);
      await database.ownerPool.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [gone.name]);
      await expectEverywhere(broken, 503, 'unavailable');
      expect((await broken.request('GET', '/logs')).headers.get('retry-after')).toBe('1');
    } finally {
      await broken.close();
      await gone.drop();
    }
  });

  test('500 without a word of why, where something fails that should not', async () => {
    const query = () => Promise.reject(new TypeError('secret is not a function'));
    const broken = await startTestServer(database, { db: { ...database.db, query } });
    try {
      const answer = await broken.request('GET', '/logs');
      expect(answer).toMatchObject({ status: 500, body: { status: 500, code: 'unexpected' } });
      expect(JSON.stringify(answer.body)).not.toContain('secret');
      expect(contract.problemOf('GET /logs', { ...answer, contentType: answer.headers.get('content-type') })).toBeUndefined();
    } finally {
      await broken.close();
    }
  });
});

describe('the contract itself', () => {
  const json = { status: 200, contentType: 'application/json; charset=utf-8' };
  test.each([
    ['a status that is not documented', 'GET /logs', { status: 418, contentType: null, body: '' }, 'answered 418, which is not documented'],
    ['another type', 'GET /logs', { status: 200, contentType: 'text/html', body: 'x' }, 'as text/html; documented are application/json'],
    ['a body that is missing', 'GET /logs', { ...json, body: '' }, 'without the documented body'],
    ['a body of another shape', 'GET /logs', { ...json, body: { logs: [{ id: 'A' }] } }, 'body/logs/0'],
    ['a field that is not described', 'GET /logs', { ...json, body: { logs: [], more: 1 } }, 'additional properties'],
  ])('notices %s', (_, operation, answered, problem) => {
    expect(contract.problemOf(operation, answered)).toContain(problem);
  });
});
