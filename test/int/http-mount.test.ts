/** The server inside of an application's own, in Express, Hono and Fastify, below a path, with the application's answer to who is there. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Caller, createHttpHandler, type HttpHandlerOptions, tidemarkPlugin } from '../../src/http.ts';
import { createTidemark, SetupError, sheet, type Tidemark } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { askAndLeave } from '../support/raw-http.ts';

interface Mounted {
  /** Of the application, without the path. */
  url: string;
  close(): Promise<void>;
}

let database: TestDatabase;
let tidemark: Tidemark;

beforeAll(async () => {
  database = await createTestDatabase();
  tidemark = createTidemark({ db: database.pool });
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

/** As an application would know it: by a session of its own. */
function callerOf(user: string | undefined): Caller | undefined {
  return user === undefined ? undefined : { actor: `${user}@example.com`, scopes: user === 'reader' ? ['read'] : ['read', 'write'] };
}

const options = (more: Partial<HttpHandlerOptions> = {}): HttpHandlerOptions => ({
  tidemark,
  basePath: '/inside/tidemark',
  authorize: ({ headers }) => callerOf(headers['x-user'] as string | undefined),
  ...more,
});

/** Its session and its body parser come first, as in most applications. */
async function inExpress(): Promise<Mounted> {
  const handler = await createHttpHandler(
    options({ authorize: (request) => callerOf((request as IncomingMessage & { user?: string }).user) }),
  );
  const app = express();
  app.use((request, _response, next) => {
    Object.assign(request, { user: request.headers['x-user'] });
    next();
  });
  app.use(express.json());
  app.get('/', (_request, response) => void response.send('the application'));
  app.use('/inside/tidemark', handler.handle);
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { url: urlOf(server.address()), close: () => closeBoth(handler, server) };
}

async function inHono(): Promise<Mounted> {
  const handler = await createHttpHandler(options());
  const app = new Hono<{ Bindings: { incoming: IncomingMessage; outgoing: import('node:http').ServerResponse } }>();
  app.get('/', (context) => context.text('the application'));
  const mounted = (context: { env: { incoming: IncomingMessage; outgoing: import('node:http').ServerResponse } }) => {
    handler.handle(context.env.incoming, context.env.outgoing);
    return RESPONSE_ALREADY_SENT;
  };
  app.all('/inside/tidemark', mounted);
  app.all('/inside/tidemark/*', mounted);
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  return { url: urlOf(server.address()), close: () => closeBoth(handler, server) };
}

async function inFastify(): Promise<Mounted> {
  const app = fastify();
  app.decorateRequest('user', undefined);
  app.addHook('preHandler', async (request) => {
    Object.assign(request, { user: request.headers['x-user'] });
  });
  app.get('/', () => 'the application');
  await app.register(
    async (inside) => {
      await inside.register(tidemarkPlugin, {
        prefix: '/tidemark',
        tidemark,
        authorize: (request) => callerOf((request as unknown as { user?: string }).user),
      });
    },
    { prefix: '/inside' },
  );
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, close: () => app.close() };
}

async function inNode(): Promise<Mounted> {
  const handler = await createHttpHandler(options());
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/inside/tidemark')) handler.handle(request, response);
    else response.end('the application');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: urlOf(server.address()), close: () => closeBoth(handler, server) };
}

function urlOf(address: string | AddressInfo | null): string {
  return `http://127.0.0.1:${(address as AddressInfo).port}`;
}

async function closeBoth(handler: { close(): Promise<void> }, server: { close(done: () => void): unknown }): Promise<void> {
  await handler.close();
  await new Promise<void>((resolve) => server.close(resolve));
}

describe.each([
  ['Express', inExpress],
  ['Hono', inHono],
  ['Fastify', inFastify],
  ["Node's own http", inNode],
])('in %s', (name, start) => {
  const logId = `in-${name.replace(/\W/g, '').toLowerCase()}`;
  let mounted: Mounted;
  beforeAll(async () => {
    mounted = await start();
  });
  afterAll(() => mounted?.close());

  const ask = async (method: string, path: string, { user, body }: { user?: string; body?: unknown } = {}) => {
    const headers = { ...(user ? { 'x-user': user } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const response = await fetch(`${mounted.url}${path}`, {
      method,
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  };

  test('it answers below its path, and the application everywhere else', async () => {
    expect((await ask('GET', '/')).text).toBe('the application');
    const made = await ask('POST', '/inside/tidemark/logs', { user: 'writer', body: { id: logId } });
    expect(made.status).toBe(201);
    expect((await ask('GET', `/inside/tidemark/logs/${logId}`, { user: 'reader' })).json()).toMatchObject({ id: logId, pending: 0 });
    expect((await ask('GET', '/inside/tidemark/nothing', { user: 'reader' })).json()).toMatchObject({ code: 'not_found' });
  });

  test('the application says who is there, and what they may do', async () => {
    expect((await ask('GET', '/inside/tidemark/logs')).status).toBe(401);
    expect((await ask('GET', '/inside/tidemark/session', { user: 'anna' })).json()).toEqual({
      actor: 'anna@example.com',
      scopes: ['read', 'write'],
      auth: 'own',
      readOnly: false,
      schedules: false,
    });
    expect((await ask('GET', '/inside/tidemark/schedules', { user: 'reader' })).json()).toMatchObject({ status: 403, code: 'not_exposed' });
    const refused = await ask('POST', '/inside/tidemark/logs', { user: 'reader', body: { id: 'refused' } });
    expect(refused.json()).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await ask('POST', '/inside/tidemark/session', { body: { token: 'x' } })).status, 'nobody signs in here').toBe(404);
  });

  test('the page and the documentation find their way from there', async () => {
    const withoutSlash = await ask('GET', '/inside/tidemark?x=1');
    expect({ status: withoutSlash.status, location: withoutSlash.headers.get('location') }).toEqual({
      status: 308,
      location: '/inside/tidemark/?x=1',
    });
    expect((await ask('GET', '/inside/tidemark/openapi.json')).json().servers).toEqual([{ url: '/inside/tidemark' }]);
    const docs = await ask('GET', '/inside/tidemark/docs/');
    expect(docs.status).toBe(200);
    const links = [...docs.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link as string);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const { pathname } = new URL(link, `${mounted.url}/inside/tidemark/docs/`);
      expect(pathname).toMatch(/^\/inside\/tidemark\/docs\//);
      expect((await ask('GET', pathname)).status, pathname).toBe(200);
    }
  });

  test('streams go through, and end when it does', async () => {
    const own = await start();
    const log = tidemark.log(sheet, `${logId}-stream`);
    await log.append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 'first' }, { expect: 'any' });
    const stream = await fetch(`${own.url}/inside/tidemark/logs/${logId}-stream/events?from=0`, { headers: { 'x-user': 'reader' } });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const chunks = (stream.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let seen = '';
    while (!seen.includes('first')) seen += decoder.decode((await chunks.read()).value, { stream: true });
    const startedAt = performance.now();
    const closed = own.close();
    while (!(await chunks.read()).done);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('a body that is none is refused', async () => {
    const bad = await fetch(`${mounted.url}/inside/tidemark/logs`, {
      method: 'POST',
      headers: { 'x-user': 'writer', 'content-type': 'application/json' },
      body: '{"id":',
    });
    expect(bad.status).toBe(400);
  });
});

describe('a handler', () => {
  test('ends with what it has begun, and nobody else does', async () => {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let isHeld = () => {};
    const inTheMiddle = new Promise<void>((resolve) => {
      isHeld = resolve;
    });
    const handler = await createHttpHandler(
      options({
        basePath: '',
        authorize: async () => {
          isHeld();
          await held;
          return { scopes: ['read'] };
        },
      }),
    );
    const server = createServer(handler.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const begun = fetch(`${urlOf(server.address())}/logs`);
    await inTheMiddle;
    let isClosed = false;
    const closed = handler.close().then(() => {
      isClosed = true;
    });
    const late = await fetch(`${urlOf(server.address())}/logs`);
    expect(late.status).toBe(503);
    expect(isClosed).toBe(false);
    letGo();
    expect((await begun).status).toBe(200);
    await closed;
    server.close();
  });

  test('cuts off what is not taken by its deadline, so that the server of the application can close', async () => {
    const handler = await createHttpHandler(options({ basePath: '', authorize: () => ({ scopes: ['read'] }) }));
    const server = createServer(handler.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const values = Array.from({ length: 30 }, () => ['x'.repeat(32_000)]);
    for (let row = 0; row < 12; row += 1) {
      await tidemark.log(sheet, 'not-taken').append({ type: 'SetCellRange', row, column: 0, values }, { expect: 'any' });
    }
    const { socket } = await askAndLeave(server, urlOf(server.address()), '/logs/not-taken/events?from=0');
    await handler.close(200);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    socket.destroy();
  }, 5_000);

  test('ends a stream after some time, so that who follows comes again through the application, which may know them no more', async () => {
    let user: string | undefined = 'anna';
    const handler = await createHttpHandler(
      options({ basePath: '', maxStreamMs: 200, authorize: (request) => callerOf((request as IncomingMessage & { user?: string }).user) }),
    );
    const server = createServer((request, response) => handler.handle(Object.assign(request, { user }), response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await tidemark.log(sheet, 'ends').append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 }, { expect: 'any' });
    const follow = (from: string) => fetch(`${urlOf(server.address())}/logs/ends/events`, { headers: { 'last-event-id': from } });
    expect(await (await follow('0')).text()).toContain('event: entries');
    expect(await (await follow('1')).text(), 'whole, and nothing twice').toMatch(/^retry: 1000\n\nid: 1\nevent: marked\n[^\n]*\n\n$/);
    user = undefined;
    expect((await follow('1')).status).toBe(401);
    await handler.close();
    server.close();
  });

  test.each(['tidemark', '/a/../b', '/a b', '/"x'])('refuses the base path %s', async (basePath) => {
    await expect(createHttpHandler(options({ basePath }))).rejects.toThrow(SetupError);
  });
});
