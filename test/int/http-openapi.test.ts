/**
 * The OpenAPI document is kept: for each operation and each status that it documents there is a request that is answered so, and the answer's
 * body is as described. What is documented and not tried fails, and so does what is tried and not documented.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { ForbiddenError } from '../../src/http/access.ts';
import type { HttpAppOptions } from '../../src/http/http-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type DocumentedRequest, documentedRequests } from '../support/documented-requests.ts';
import { openSceneSchedules, sceneOptions, setScene } from '../support/documented-scene.ts';
import { type Answer, startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, bearer, makeToken } from '../support/http-tokens.ts';
import { type Contract, type DocumentedOperation, openApiContract } from '../support/openapi.ts';
import { openSocket, readToEnd } from '../support/raw-http.ts';

const BODY_LIMIT = 500;
const SLOW_MS = 150;
const STRANGER = { 'x-test-stranger': 'true' };
/** Of every operation, and tried below. */
const SERVER_WIDE = [500, 503];
const CODES: Record<number, string> = {
  400: 'invalid_input',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  408: 'request_timeout',
  409: 'conflict',
  413: 'too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
  431: 'header_too_large',
};

let database: TestDatabase;
let server: TestServer;
/** For those who send too much, too slowly. */
let strict: TestServer;
/** Takes one request of each. */
let busy: TestServer;
/** Runs jobs itself. */
let inline: TestServer;
let scheduled: Awaited<ReturnType<typeof openSceneSchedules>>;
let contract: Contract;
const blobs = createMemoryBlobStore();
let callers: Record<NonNullable<DocumentedRequest['as']>, Record<string, string>>;
let requests: Record<string, Record<number, DocumentedRequest>>;

beforeAll(async () => {
  database = await createTestDatabase();
  const [{ token }, { token: poor }, { token: other }] = [
    await makeToken(database),
    await makeToken(database, { scopes: ['publish'] }),
    await makeToken(database, { scopes: ['jobs'] }),
  ];
  callers = { somebody: bearer(token), guest: bearer(poor), enqueuer: bearer(other), nobody: {}, stranger: STRANGER };
  scheduled = await openSceneSchedules(database);
  server = await start({});
  strict = await start({ bodyLimit: BODY_LIMIT, uploadLimitBytes: BODY_LIMIT, requestTimeoutMs: SLOW_MS });
  busy = await start({ requestsPerMinute: 1 });
  inline = await start({}, { useJobs: false });
  process.env.TIDEMARK_SOURCE_HOSTS = new URL(server.url).host;
  await ask(busy, 'GET', '/session', {});

  requests = documentedRequests({ token, url: server.url, ...(await setScene(database, server.tidemark)) });
  contract = openApiContract((await server.request('GET', '/openapi.json')).body);
});
afterAll(async () => {
  delete process.env.TIDEMARK_SOURCE_HOSTS;
  await Promise.all([server, strict, busy, inline].map((one) => one?.close()));
  await scheduled?.close();
  await database?.drop();
});

/** Asks for tokens; and an application may refuse whom it likes. */
function start(options: Partial<HttpAppOptions>, { useJobs = true } = {}): Promise<TestServer> {
  const { authorize, ...tokens } = askForTokens(database);
  return startTestServer(database, {
    ...sceneOptions(blobs),
    ...tokens,
    schedules: scheduled.schedules,
    async authorize(request) {
      if (request.headers['x-test-stranger']) throw new ForbiddenError('Not you.');
      return authorize(request);
    },
    ...options,
    useJobs,
  });
}

async function ask(of: TestServer, method: string, path: string, request: DocumentedRequest): Promise<Answer> {
  const { at = path, body, as = 'somebody', isStream } = request;
  const headers = { ...callers[as], ...request.headers };
  if (!isStream) return of.request(method, at, body, headers);
  const hangUp = new AbortController();
  const response = await fetch(`${of.url}${at}`, { method, headers, signal: hangUp.signal });
  try {
    const { value } = (await response.body?.getReader().read()) ?? {};
    const text = new TextDecoder().decode(value);
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  } finally {
    hangUp.abort();
  }
}

/** Sends the head of a request with a body, and nothing of the body. */
async function stall(method: string, at: string, own: Record<string, string> = {}): Promise<Answer> {
  const socket = await openSocket(strict.url);
  const headers = {
    host: new URL(strict.url).host,
    ...callers.somebody,
    'content-type': 'application/json',
    ...own,
    'content-length': '9',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${at} HTTP/1.1\r\n${lines.join('')}\r\n`);
  const { status = 0, text } = await readToEnd(socket);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const type = /^content-type: *(.*)$/im.exec(head)?.[1] ?? '';
  return { status, headers: new Headers({ 'content-type': type }), body: JSON.parse(body) };
}

async function provoke({ name, method, path, needs }: DocumentedOperation, status: number): Promise<{ answer: Answer; code?: string }> {
  const own = requests[name]?.[status];
  if (own) {
    await own.after?.(server, callers.somebody);
    return { answer: await ask(own.isInline ? inline : server, method, path, own), ...(own.code ? { code: own.code } : {}) };
  }
  const { code: _, ...usual } = Object.values(requests[name] ?? {})[0] as DocumentedRequest;
  switch (status) {
    case 401:
      return { answer: await ask(server, method, path, { ...usual, as: 'nobody' }) };
    case 403:
      return {
        answer: await ask(server, method, path, {
          ...usual,
          as: needs === 'caller' ? 'stranger' : needs === 'publish' ? 'enqueuer' : 'guest',
        }),
      };
    case 408:
      return { answer: await stall(method, usual.at ?? path, usual.headers) };
    case 413:
      return { answer: await ask(strict, method, path, { ...usual, body: JSON.stringify('x'.repeat(BODY_LIMIT)) }) };
    case 414:
      return { answer: await ask(server, method, path, { ...usual, at: path.replace(/\{\w+\}/, 'a'.repeat(9_000)) }) };
    case 415:
      return {
        answer: await ask(server, method, path, { ...usual, body: 'x', headers: { ...usual.headers, 'content-type': 'text/css' } }),
      };
    case 429:
      return { answer: await ask(busy, method, path, usual) };
    case 431:
      return { answer: await ask(server, method, path, { ...usual, headers: { ...usual.headers, 'x-long': 'x'.repeat(20_000) } }) };
    default:
      throw new Error(`${name} documents ${status}, and there is no request here that is answered so`);
  }
}

async function closeToAll({ name }: TestDatabase): Promise<void> {
  await database.ownerPool.query(`alter database ${name} allow_connections false`);
  await database.ownerPool.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
}

function problemOf(operation: string, answer: Answer): string | undefined {
  return contract.problemOf(operation, { ...answer, contentType: answer.headers.get('content-type') });
}

describe('each documented status is answered, as documented:', () => {
  test.each(Object.keys(documentedRequests({ token: '', url: '', blobId: '', deadLetterId: '' })))('%s', async (name) => {
    const operation = contract.operations.find((one) => one.name === name) as DocumentedOperation;
    expect(operation, 'is documented').toBeDefined();
    expect(operation.statuses, 'has what is tried').toEqual(expect.arrayContaining(Object.keys(requests[name] ?? {}).map(Number)));
    for (const status of operation.statuses.filter((one) => !SERVER_WIDE.includes(one))) {
      const { answer, code = CODES[status] } = await provoke(operation, status);
      expect(answer.status, `${name}: ${JSON.stringify(answer.body)}`).toBe(status);
      expect(problemOf(name, answer)).toBeUndefined();
      if (status >= 400) expect(answer.body).toMatchObject({ status, code });
    }
  });

  test('no operation is left out', () => {
    expect(Object.keys(requests).sort()).toEqual(contract.operations.map(({ name }) => name).sort());
  });
});

describe('of every operation:', () => {
  test('503, and when to ask again, where the database does not answer', async () => {
    const gone = await createTestDatabase();
    const { token } = await makeToken(gone);
    const [asking, open] = await Promise.all([startTestServer(gone, askForTokens(gone)), startTestServer(gone)]);
    try {
      await closeToAll(gone);
      for (const { name, method, path, needs } of contract.operations.filter((one) => !one.path.startsWith('/health/'))) {
        const { at = path, body, headers } = Object.values(requests[name] ?? {})[0] as DocumentedRequest;
        const answer = await asking.request(method, at, body ?? undefined, { ...headers, ...(needs === 'public' ? {} : bearer(token)) });
        expect(answer, name).toMatchObject({ status: 503, body: { status: 503, code: 'unavailable' } });
        expect(answer.headers.get('retry-after')).toBe('1');
        expect(problemOf(name, answer)).toBeUndefined();
        // Those who need not be asked for get further.
        const letIn = await open.request(method, at, body, headers);
        expect(letIn.status, name).not.toBe(500);
      }
    } finally {
      await Promise.all([asking.close(), open.close()]);
      await gone.drop();
    }
  });

  test('but of health: it is alive without what it needs, and says what that is', async () => {
    const gone = await createTestDatabase();
    const broken = await startTestServer(gone);
    try {
      await closeToAll(gone);
      const ready = await broken.request('GET', '/health/ready');
      expect(ready).toMatchObject({ status: 503, body: { missing: [expect.stringMatching(/^postgres: /)] } });
      expect(problemOf('GET /health/ready', ready)).toBeUndefined();
      expect((await broken.request('GET', '/health/live')).status).toBe(200);
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
      expect(problemOf('GET /logs', answer)).toBeUndefined();
    } finally {
      await broken.close();
    }
  });
});

describe('the contract', () => {
  const json = { status: 200, contentType: 'application/json; charset=utf-8' };
  test.each([
    ['a status that is not documented', { status: 418, contentType: null, body: '' }, 'answered 418, which is not documented'],
    ['another type', { status: 200, contentType: 'text/html', body: 'x' }, 'as text/html; documented are application/json'],
    ['a body that is missing', { ...json, body: '' }, 'without the documented body'],
    ['a body of another shape', { ...json, body: { logs: [{ id: 'A' }] } }, 'body/logs/0'],
    ['a field that is not described', { ...json, body: { logs: [], more: 1 } }, 'additional properties'],
  ])('notices %s', (_, answered, problem) => {
    expect(contract.problemOf('GET /logs', answered)).toContain(problem);
  });
});
