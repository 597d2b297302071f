/** Requests that mean harm or are broken: refused in a word, without harm to others, and without a secret in the log. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { type FastifyInstance, fastify } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SetupError } from '../../src/errors.ts';
import { createAuthorizer } from '../../src/http/authorizer.ts';
import { sendProblem } from '../../src/http/problem.ts';
import { refuseSlowRequests } from '../../src/http/slow-requests.ts';
import { sheet } from '../../src/index.ts';
import { createLogger } from '../../src/logging.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, bearer, makeToken } from '../support/http-tokens.ts';
import { askAndLeave, openSocket, readToEnd, sendRaw } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

const BODY_LIMIT = 10_000;
const SLOW_MS = 300;

let database: TestDatabase;
let server: TestServer;
let token: string;
let lines: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  ({ token } = await makeToken(database));
  server = await startTestServer(database, {
    ...askForTokens(database),
    bodyLimit: BODY_LIMIT,
    requestTimeoutMs: SLOW_MS,
    logger: createLogger({ level: 'trace', name: 'server', write: (line) => lines.push(line) }),
  });
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});
beforeEach(() => {
  lines = [];
});

const head = (...more: string[]) =>
  ['POST /logs HTTP/1.1', 'Host: 127.0.0.1', `Authorization: Bearer ${token}`, 'Content-Type: application/json', ...more, '', ''].join(
    '\r\n',
  );
const post = (body: unknown, headers: Record<string, string> = {}) =>
  server.request('POST', '/logs', body, { ...bearer(token), ...headers });

describe('a path', () => {
  test.each([
    '/../../etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/docs/static/..%2f..%2f..%2fpackage.json',
    '/docs/static/../../../package.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/..%5c..%5cpackage.json',
    '/logs/..%2f..%2fsecret',
    '/logs/%00',
    '/logs/%2e%2e',
    '/logs/%zz',
    '/logs/%ff%fe',
    `/logs/${'a'.repeat(2_000)}`,
    '//etc/passwd',
    '/logs;x=1',
    '/logs?limit=1e9',
    '/logs?limit=-1',
    '/logs?prefix=%27%3B%20drop%20table%20tidemark.logs%3B--&limit=x',
  ])('%.80s leads nowhere, and is a problem', async (path) => {
    const { text, status } = await sendRaw(
      server.url,
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(text).toContain('application/problem+json');
    expect(text).not.toMatch(/root:|"dependencies"/);
    expect(text.length, 'it is not repeated at length').toBeLessThan(2_500);
  });
});

describe('a body', () => {
  test('that is too large is refused with what is allowed, whether it says its length or not', async () => {
    const large = JSON.stringify({ id: 'x'.repeat(BODY_LIMIT) });
    const answer = await post(large);
    expect(answer).toMatchObject({ status: 413, body: { code: 'too_large', detail: expect.stringContaining(String(BODY_LIMIT)) } });
    expect(answer.headers.get('retry-after')).not.toBeNull();
    const { status } = await sendRaw(
      server.url,
      `${head('Transfer-Encoding: chunked', 'Connection: close')}${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
    );
    expect(status).toBe(413);
  });

  test('that is too large may be sent to its end: the answer is not lost with the connection', async () => {
    const socket = await openSocket(server.url);
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    const answer = readToEnd(socket);
    const chunk = Buffer.alloc(65_536, 'x');
    socket.write(head(`Content-Length: ${100 * chunk.length}`));
    for (let sent = 0; sent < 100 && !socket.destroyed; sent += 1) {
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    }
    // The connection is as good as before.
    socket.write(`GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    const { text, status } = await answer;
    expect({ status, errors }).toEqual({ status: 413, errors: [] });
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
  });

  test.each([
    ['that is cut short', '{"id":'],
    ['that is not an object', '[1,2,3]'],
    ['that would change prototypes', '{"id":"x","__proto__":{"admin":true}}'],
    ['of another constructor', '{"id":"x","constructor":{"prototype":{"admin":true}}}'],
    ['that is nested without end', `{"id":${'['.repeat(4_000)}${']'.repeat(4_000)}}`],
    ['with a NUL in a name', '{"id":"a\\u0000b"}'],
    ['with half a character', '{"id":"\\ud800"}'],
    ['that is empty', ''],
  ])('%s is invalid input', async (_, body) => {
    expect(await post(body)).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
  });

  test('of another type, or compressed, is not read', async () => {
    expect(await post('<log/>', { 'content-type': 'application/xml' })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
    const compressed = await fetch(`${server.url}/logs`, {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync('{"id":"x"}'),
    });
    expect(compressed.status).toBe(400);
  });

  test('that does not come is not waited for', async () => {
    const { text, status } = await sendRaw(server.url, `${head('Content-Length: 100')}{"id":`);
    expect(status).toBe(408);
    expect(text).toContain('"code":"request_timeout"');
    expect(text).toMatch(/^connection: close/im);
  });

  test('that comes a byte at a time is not waited for either', async () => {
    const socket = await openSocket(server.url);
    socket.write(head('Content-Length: 5000'));
    const drip = setInterval(() => socket.write(' '), 20);
    const { status } = await readToEnd(socket);
    clearInterval(drip);
    expect(status).toBe(408);
  });
});

describe('a body that is read as it comes', () => {
  let uploads: FastifyInstance;
  let url: string;
  let isReading = true;
  beforeAll(async () => {
    uploads = fastify();
    uploads.setErrorHandler(sendProblem);
    refuseSlowRequests(uploads, SLOW_MS);
    uploads.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    uploads.post('/upload', async ({ body }) => {
      let bytes = 0;
      await until('it may be read', () => isReading);
      for await (const chunk of body as AsyncIterable<Uint8Array>) bytes += chunk.length;
      return { bytes };
    });
    url = await uploads.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => uploads?.close());

  const upload = async (length: number) => {
    const socket = await openSocket(url);
    socket.write(`POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/csv\r\nContent-Length: ${length}\r\n\r\n`);
    return socket;
  };

  test('may take longer, as long as it goes on', async () => {
    const socket = await upload(30);
    const drip = setInterval(() => socket.write('x'), SLOW_MS / 10);
    const { status, text } = await readToEnd(socket);
    clearInterval(drip);
    expect(status).toBe(200);
    expect(text).toContain('{"bytes":30}');
  });

  test('that stands still is not waited for', async () => {
    const socket = await upload(30);
    socket.write('x');
    const { status, text } = await readToEnd(socket);
    expect(status).toBe(408);
    expect(text).toContain('"code":"request_timeout"');
  });

  test('waits for its reader', async () => {
    isReading = false;
    const socket = await upload(2_000_000);
    socket.write(Buffer.alloc(2_000_000));
    setTimeout(() => {
      isReading = true;
    }, SLOW_MS * 4);
    const { status, text } = await readToEnd(socket);
    expect(status).toBe(200);
    expect(text).toContain('{"bytes":2000000}');
  });
});

describe('a connection', () => {
  test('whose head does not come is closed', async () => {
    const { text, status } = await sendRaw(server.url, 'GET /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    expect(status).toBe(408);
    expect(text).toContain('application/problem+json');
  });

  test('whose head is too long is closed', async () => {
    const flood = Array.from({ length: 2_000 }, (_, index) => `X-Flood-${index}: ${'y'.repeat(20)}`).join('\r\n');
    const { text, status } = await sendRaw(server.url, `GET /logs HTTP/1.1\r\nHost: 127.0.0.1\r\n${flood}\r\n\r\n`);
    expect(status).toBe(431);
    expect(text).toContain('"code":"header_too_large"');
  });

  test.each([
    ['no HTTP at all', '\u0016\u0003\u0001\u0002hello\r\n\r\n'],
    ['a method that there is not', 'BREW /logs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
    ['two lengths', 'POST /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'],
    ['a length and chunks', 'POST /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a header with a line of its own', 'GET /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b\rX-C: d\r\n\r\n'],
    ['no host', 'GET /logs HTTP/1.1\r\n\r\n'],
  ])('with %s is answered with 400 and closed', async (_, bytes) => {
    const { status } = await sendRaw(server.url, bytes);
    expect(status).toBe(400);
  });

  test('beyond those that are allowed is dropped, and the others go on', async () => {
    const small = await startTestServer(database, { maxConnections: 2 });
    const open = [await openSocket(small.url), await openSocket(small.url)];
    await until(
      'both are counted',
      () => new Promise<boolean>((resolve) => small.app.server.getConnections((_, count) => resolve(count === 2))),
    );
    const { text } = await readToEnd(await openSocket(small.url));
    expect(text).toBe('');
    open[0]?.write('GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    expect((await readToEnd(open[0] as never)).status).toBe(200);
    open[1]?.destroy();
    await small.close();
  });
});

describe('without authentication', () => {
  test('a server listens to its own machine alone', () => {
    expect(() => createAuthorizer({ auth: 'off', host: '0.0.0.0' }, database.db)).toThrow(SetupError);
    expect(createAuthorizer({ auth: 'off', host: '127.0.0.1' }, database.db)).toMatchObject({ auth: 'off' });
  });

  test('a server that is told of a proxy does not start, and says which setting it is', () => {
    const off = { auth: 'off', host: '127.0.0.1' } as const;
    expect(() => createAuthorizer({ ...off, trustProxy: ['127.0.0.1'] }, database.db)).toThrow(
      /^TIDEMARK_HTTP_TRUST_PROXY .*TIDEMARK_AUTH=tokens/,
    );
    expect(() => createAuthorizer({ ...off, basePath: '/tidemark' }, database.db)).toThrow(
      /^TIDEMARK_HTTP_BASE_PATH .*TIDEMARK_AUTH=tokens/,
    );
    expect(createAuthorizer({ ...off, trustProxy: undefined, basePath: '' }, database.db)).toMatchObject({ auth: 'off' });
    expect(createAuthorizer({ ...off, auth: 'tokens', trustProxy: ['127.0.0.1'], basePath: '/t' }, database.db)).toMatchObject({
      auth: 'tokens',
    });
  });

  test('what came through a proxy is refused: its headers, its version of HTTP, its name in a page', async () => {
    const open = await startTestServer(database, createAuthorizer({ auth: 'off', host: '127.0.0.1' }, database.db));
    for (const headers of [
      { 'x-forwarded-for': '203.0.113.9' },
      { 'x-forwarded-proto': 'https' },
      { 'x-forwarded-host': 'sheets.example' },
      { 'x-real-ip': '203.0.113.9' },
      { forwarded: 'for=203.0.113.9' },
      { via: '1.1 proxy' },
      { origin: 'https://sheets.example' },
    ] as Record<string, string>[]) {
      const answer = await open.request('GET', '/logs', undefined, headers);
      expect(answer, JSON.stringify(headers)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      expect(answer.body.detail).toContain('TIDEMARK_AUTH=tokens');
    }
    // As nginx sends it on unless it is told more.
    const byNginx = await sendRaw(open.url, `GET /logs HTTP/1.0\r\nHost: ${new URL(open.url).host}\r\nConnection: close\r\n\r\n`);
    expect(byNginx.status).toBe(403);
    const here = await open.request('GET', '/logs', undefined, { origin: open.url, 'sec-fetch-site': 'same-origin' });
    expect(here.status).toBe(200);
    await open.close();
  });

  test('it answers neither to a name of somebody else that leads here, nor to a page of theirs', async () => {
    const open = await startTestServer(database, createAuthorizer({ auth: 'off', host: '127.0.0.1' }, database.db));
    const statusFor = (host: string, method = 'GET', headers = {}) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = httpRequest(`${open.url}/session`, { method, headers: { host, ...headers } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        sent.once('error', reject).end();
      });
    expect(await statusFor('evil.example')).toBe(403);
    expect(await statusFor('127.0.0.1.evil.example:7420')).toBe(403);
    expect(await statusFor('localhost:7420')).toBe(200);
    expect(await statusFor('[::1]:7420')).toBe(200);
    expect((await open.request('POST', '/logs', { id: 'x' }, { origin: 'https://evil.example' })).body.code).toBe('cross_origin');
    expect((await open.request('POST', '/logs', { id: 'not-asked' })).status).toBe(201);
    await open.close();
  });
});

describe('an answer', () => {
  /** More than the machine keeps of a connection by itself. */
  async function askForMuch(stallTimeoutMs: number) {
    const own = await startTestServer(database, { stallTimeoutMs });
    const log = own.tidemark.log(sheet, 'much');
    const values = Array.from({ length: 30 }, () => ['x'.repeat(32_000)]);
    if ((await own.request('GET', '/logs/much')).status === 404) {
      for (let row = 0; row < 12; row += 1) await log.append({ type: 'SetCellRange', row, column: 0, values }, { expect: 'any' });
    }
    return { own, ...(await askAndLeave(own.app.server, own.url, '/logs/much/entries?start=start')) };
  }

  test('that nobody takes is cut off', async () => {
    const { own, socket, accepted } = await askForMuch(200);
    await until('it is cut off', () => accepted.destroyed, 3_000);
    socket.destroy();
    await own.close();
  });

  test('that is taken slowly is not', async () => {
    const { own, socket, accepted } = await askForMuch(600);
    let taken = 0;
    // The first half takes longer than may pass without progress.
    socket.on('data', ({ length }) => {
      taken += length;
      if (taken < 6_000_000) {
        socket.pause();
        setTimeout(() => socket.resume(), 10);
      }
    });
    socket.resume();
    await until('it is whole', () => taken > 12 * 950_000 || accepted.destroyed);
    expect(accepted.destroyed).toBe(false);
    socket.destroy();
    await own.close();
  });

  test('lets nobody else frame, read or run it, and is not kept', async () => {
    for (const [path, status] of [
      ['/logs', 200],
      ['/nowhere', 404],
    ] as const) {
      const { headers, status: is } = await server.request('GET', path, undefined, { ...bearer(token), origin: 'https://evil.example' });
      expect(is).toBe(status);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      if (status === 200) expect(headers.get('cache-control')).toBe('no-store');
    }
    const preflight = await server.request('OPTIONS', '/logs', undefined, {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
    });
    expect(preflight.status).toBe(404);
  });

  test('of what fails unexpectedly says nothing of why', async () => {
    const broken = await startTestServer(database, {
      authorize: () => {
        throw new Error('cannot reach postgres://app:hunter2@db');
      },
      logger: createLogger({ level: 'trace', name: 'server', write: (line) => lines.push(line) }),
    });
    const answer = await broken.request('GET', '/logs');
    expect(answer).toMatchObject({ status: 500, body: { code: 'unexpected' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/hunter2|postgres/);
    await broken.close();
    expect(lines.join()).toContain('cannot reach postgres://app:***@db');
  });
});

test('the log has a line for each request, and in none of them anything secret', async () => {
  const signedIn = await server.request('POST', '/session', { token });
  const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] as string;
  const secrets = [token, token.split('_')[2] as string, cookie.split('=')[1] as string, 'hunter2', 'sk-in-a-query'];
  await server.request('GET', `/logs?after=${token}&key=sk-in-a-query`, undefined, { cookie, 'x-api-key': 'hunter2' });
  await server.request('GET', `/nowhere/${token}?token=${token}`, undefined, bearer(token));
  await server.request('GET', `/logs/${token}`, undefined, bearer(token));
  await post(`{"token":"${token}`);
  await post({ id: token });
  await server.request('POST', '/session', { token: `${token}x` });
  await server.request('GET', '/logs', undefined, bearer(`${token}x`));
  await sendRaw(server.url, `GET /logs HTTP/1.1\r\nAuthorization: Bearer ${token}\r\nBad Header ${token}\r\n\r\n`);
  await sendRaw(server.url, `${head('Content-Length: 1000')}{"token":"${token}"`);
  await server.request('GET', `/logs/%zz${token}`, undefined, bearer(token));
  await until('each has its line', () => lines.filter((line) => JSON.parse(line).msg === 'request').length === 10);

  for (const secret of secrets) expect(lines.join('\n')).not.toContain(secret);
  const requests = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
  expect(requests.map(({ method, route, status }) => `${method} ${route} ${status}`)).toEqual([
    'POST /session 204',
    'GET /logs 200',
    'GET none 404',
    'GET /logs/:logId 400',
    'POST /logs 400',
    'POST /logs 400',
    'POST /session 401',
    'GET /logs 401',
    'POST /logs 408',
    'GET none 400',
  ]);
  expect(requests[1]).toMatchObject({ actor: expect.stringMatching(/^token \d+$/), ms: expect.any(Number) });
});
