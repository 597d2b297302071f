/** The page as a server gives it out: small, cached, at any path, and with nothing from elsewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtPage } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let database: TestDatabase;
let server: TestServer;
let pageDir: string;

beforeAll(async () => {
  [database, pageDir] = await Promise.all([createTestDatabase(), builtPage()]);
  // Nobody is known here: the page itself needs no caller.
  server = await startTestServer(database, { pageDir, authorize: () => undefined });
}, 60_000);
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

const html = () => readFileSync(join(pageDir, 'index.html'), 'utf8');

test('the document is asked for each time, what it names is kept for ever and sent compressed', async () => {
  const document = await server.request('GET', '/');
  expect(document).toMatchObject({ status: 200, body: html() });
  expect(document.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(document.headers.get('cache-control')).toBe('no-cache');
  const [, script = ''] = /src="\.\/(assets\/[^"]+\.js)"/.exec(html()) ?? [];
  const answer = await server.request('GET', `/${script}`, undefined, { 'accept-encoding': 'gzip' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(answer.headers.get('content-encoding')).toBe('gzip');
  expect(answer.headers.get('content-type')).toContain('javascript');
});

test('a file that is not there, and one that is not of the page, is a problem', async () => {
  for (const path of [
    '/assets/nothing.js',
    '/assets/../index.html',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
  ]) {
    expect(await server.request('GET', path), path).toMatchObject({ status: 404, body: { code: 'not_found' } });
  }
});

test('it names nothing from elsewhere, by addresses relative to it, and holds no script of its own', () => {
  const addresses = [...html().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  expect(addresses.length).toBeGreaterThanOrEqual(3);
  for (const address of addresses) expect(address).toMatch(/^\.\/assets\/[\w.-]+$/);
  expect(html()).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=/i);
});

test('its policy lets nothing in from elsewhere, and no script in the document', async () => {
  const policy = (await server.request('GET', '/')).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/unsafe|https?:|\*|script-src|style-src/);
});

test('mounted at a path, it is found without the slash at the end too', async () => {
  const mounted = await startTestServer(database, { pageDir, basePath: '/tools/tidemark' });
  try {
    const answer = await fetch(`${mounted.url}/tools/tidemark`);
    expect(answer.url).toBe(`${mounted.url}/tools/tidemark/`);
    expect(await answer.text()).toBe(html());
    const [, script = ''] = /src="\.\/(assets\/[^"]+\.js)"/.exec(html()) ?? [];
    expect(await (await fetch(new URL(script, answer.url))).text()).toContain('Tidemark');
  } finally {
    await mounted.close();
  }
});

test('where it was not built, its address says what to do, and the API is there', async () => {
  const bare = await startTestServer(database, { pageDir: '/nowhere' });
  try {
    expect(await bare.request('GET', '/')).toMatchObject({ status: 503, body: expect.stringContaining('npm run build') });
    expect((await bare.request('GET', '/logs')).status).toBe(200);
  } finally {
    await bare.close();
  }
});

/**
 * Everything that is loaded until a page is drawn first: what the document names, then the chunks of that page, and theirs. Counted with gzip,
 * as servers send it where brotli is not understood. The largest of the pages is the sheet, with its grid.
 */
test.each(['sheets-page', 'sheet-frame', 'log-page', 'work-page'])('until %s is drawn, at most 200 KB of script are loaded', (page) => {
  const files = readdirSync(join(pageDir, 'assets')).filter((name) => name.endsWith('.js'));
  const sources = new Map(files.map((name) => [name, readFileSync(join(pageDir, 'assets', name), 'utf8')]));
  const needed = new Set<string>();
  const need = (name: string) => {
    if (needed.has(name)) return;
    needed.add(name);
    for (const [, other = ''] of (sources.get(name) ?? '').matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) need(other);
  };
  for (const [, name = ''] of html().matchAll(/\.\/assets\/([\w.-]+\.js)/g)) need(name);
  for (const name of files.filter((file) => file.startsWith(`${page}-`))) need(name);
  expect(needed.size).toBeGreaterThan(1);
  const bytes = [...needed].reduce((sum, name) => sum + gzipSync(sources.get(name) ?? '', { level: 9 }).byteLength, 0);
  expect(bytes).toBeGreaterThan(40_000);
  expect(bytes).toBeLessThan(200 * 1024);
});
