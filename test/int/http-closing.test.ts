/** How the server ends: nothing new, streams end, requests are finished, and after the deadline whatever is left is cut off. */
import type { Socket } from 'node:net';
import { fastify } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/http/access.ts';
import { closeHttp, refuseWhenClosing } from '../../src/http/closing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/http-server.ts';
import { openSocket, readToEnd } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

/** A server in which a request for /logs waits until it is let go. */
async function startHeld() {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let waiting = 0;
  const server = await startTestServer(database, {
    authorize: async () => {
      waiting += 1;
      await held;
      return { scopes: SCOPES };
    },
  });
  return { server, letGo: () => letGo(), isHeld: () => until('a request is in the middle', () => waiting > 0) };
}

describe('a server that is asked to stop', () => {
  test('finishes what it has begun, and refuses what comes after, with where to go', async () => {
    const { server, letGo, isHeld } = await startHeld();
    const sockets: Socket[] = [];
    server.app.server.on('connection', (socket: Socket) => sockets.push(socket));
    const begun = fetch(`${server.url}/logs`);
    begun.catch(() => {});
    await isHeld();
    const idle = await openSocket(server.url);
    const busy = await openSocket(server.url);
    // Half of a request: not idle, so not closed at once.
    busy.write('GET /openapi.json HTTP/1.1\r\n');
    await until('it has come', () => sockets.length === 3 && (sockets.at(-1) as Socket).bytesRead > 0);

    const closed = closeHttp(server.app);
    expect((await readToEnd(idle, 2_000)).text).toBe('');
    busy.write('Host: 127.0.0.1\r\n\r\n');
    const late = await readToEnd(busy);
    expect(late.status).toBe(503);
    expect(late.text).toMatch(/^connection: close/im);
    expect(late.text).toMatch(/^retry-after: 1/im);
    expect(late.text).toContain('"code":"unavailable"');
    await expect(openSocket(server.url)).rejects.toThrow('ECONNREFUSED');

    letGo();
    const answer = await begun;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('connection')).toBe('close');
    await closed;
  });

  test('cuts off what is not over by the deadline', async () => {
    const { server, letGo, isHeld } = await startHeld();
    const begun = fetch(`${server.url}/logs`).then(
      () => 'answered',
      () => 'cut off',
    );
    await isHeld();
    const startedAt = performance.now();
    await closeHttp(server.app, 200);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await begun).toBe('cut off');
    letGo();
  });

  test('tells whoever holds a stream open', async () => {
    const app = fastify();
    const closing = refuseWhenClosing(app);
    app.get('/stream', (_request, reply) => {
      reply.hijack();
      reply.raw.write('one\n');
      closing.addEventListener('abort', () => reply.raw.end('last\n'));
    });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = await openSocket(url);
    socket.write(ask('/stream'));
    const answer = readToEnd(socket);
    await new Promise((resolve) => socket.once('data', resolve));
    const startedAt = performance.now();
    await closeHttp(app);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await answer).text).toContain('last');
  });
});
