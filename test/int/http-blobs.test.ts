/** Blobs over REST: the contract for reading, and what HTTP adds to it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { connect, type TidemarkClient } from '../../src/client/connect.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import { blobStoreContract, bytes } from '../contract/blob-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let database: TestDatabase;
let server: TestServer;
let tidemark: TidemarkClient;
let count = 0;
/** Each log's directory is a store of its own. */
const stores = new Map<string, BlobStore>();

beforeAll(async () => {
  const blobs = {
    getRootDir: async () => ({ getDir: async (logId: string) => stores.get(logId)?.getRootDir() }) as unknown as BlobDir,
  };
  database = await createTestDatabase();
  server = await startTestServer(database, { blobs });
  tidemark = connect({ url: server.url });
});
afterAll(async () => {
  tidemark?.close();
  await server?.close();
  await database?.drop();
});

async function newStore(options: { pageSize?: number } = {}): Promise<{ logId: string; store: BlobStore }> {
  const logId = `log-${count++}`;
  const store = createMemoryBlobStore(options);
  stores.set(logId, store);
  await createLog(database.pool, { id: logId, type: 'sheet' });
  return { logId, store };
}

/** Reads by the client; writes are the server's own. */
function readingOverHttp(client: BlobDir, behind: BlobDir): BlobDir {
  return {
    ...behind,
    readBlob: client.readBlob,
    query: client.query,
    getDir: async (name) => readingOverHttp(await client.getDir(name), await behind.getDir(name)),
  };
}

blobStoreContract('over HTTP', async (options) => {
  const { logId, store } = await newStore(options);
  return { getRootDir: async () => readingOverHttp(tidemark.blobs(logId), await store.getRootDir()) };
});

describe('a blob', () => {
  const content = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);
  let url: string;
  beforeAll(async () => {
    const { logId, store } = await newStore();
    await (await store.getRootDir()).writeBlob('tile-1.gz', content);
    url = `/logs/${logId}/blobs/tile-1.gz`;
  });
  const get = async (headers: Record<string, string> = {}, method = 'GET') => {
    const response = await fetch(`${server.url}${url}`, { method, headers });
    return { response, body: new Uint8Array(await response.arrayBuffer()) };
  };

  test('comes as it is stored, and need never be asked for again', async () => {
    const { response, body } = await get();
    expect(body).toEqual(content);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '1000',
      'cache-control': 'private, max-age=31536000, immutable',
      etag: '"tile-1.gz"',
      'accept-ranges': 'bytes',
    });
    const head = await get({}, 'HEAD');
    expect([head.response.status, head.response.headers.get('content-length'), head.body.length]).toEqual([200, '1000', 0]);
    for (const tag of ['"tile-1.gz"', 'W/"tile-1.gz"', '"other", "tile-1.gz"']) {
      expect((await get({ 'if-none-match': tag })).response.status, tag).toBe(304);
    }
    expect((await get({ 'if-none-match': '"other"' })).response.status).toBe(200);
  });

  test('that was never there, or was removed, is gone also for who has it', async () => {
    const { logId, store } = await newStore();
    const root = await store.getRootDir();
    await root.writeBlob('erased.gz', content);
    const ask = (name: string) => server.request('GET', `/logs/${logId}/blobs/${name}`, undefined, { 'if-none-match': `"${name}"` });
    expect((await ask('erased.gz')).status).toBe(304);
    await root.removeBlob('erased.gz');
    for (const name of ['erased.gz', 'never-there.gz']) {
      const answer = await ask(name);
      expect(answer, name).toMatchObject({ status: 404, body: { code: 'blob_not_found' } });
      expect([answer.headers.get('cache-control'), answer.headers.get('etag')]).toEqual(['no-store', null]);
    }
  });

  test.each([
    ['bytes=0-99', 0, 100],
    ['bytes=990-', 990, 1_000],
    ['bytes=990-5000', 990, 1_000],
    ['bytes=-10', 990, 1_000],
    ['bytes=-5000', 0, 1_000],
  ])('comes in parts: %s', async (range, start, end) => {
    const { response, body } = await get({ range });
    expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end - 1}/1000`]);
    expect(body).toEqual(content.subarray(start, end));
  });

  test('comes whole where a range is not one, or is of something else, and not at all behind its end', async () => {
    for (const range of ['bytes=5-2', 'bytes=0-1,5-6', 'bytes=-', 'lines=0-1', 'bytes=a-b']) {
      expect((await get({ range })).body, range).toEqual(content);
    }
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).response.status).toBe(200);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"tile-1.gz"' })).response.status).toBe(206);
    for (const range of ['bytes=1000-', 'bytes=-0']) {
      const { response } = await get({ range });
      expect([response.status, response.headers.get('content-range')], range).toEqual([416, 'bytes */1000']);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
  });

  test('that is not there, or whose name leads elsewhere, is refused and not kept by caches', async () => {
    const missing = await server.request('GET', url.replace('tile-1', 'tile-2'));
    expect(missing).toMatchObject({ status: 404, body: { code: 'blob_not_found' } });
    expect(missing.headers.get('cache-control')).toBe('no-store');
    for (const name of ['..%2f..%2fetc%2fpasswd', 'a%2f..%2fb', '%2fetc', 'a%5cb', 'a%00b', 'x'.repeat(101)]) {
      expect(await server.request('GET', url.replace('tile-1.gz', name)), name).toMatchObject({
        status: 400,
        body: { code: 'invalid_blob_name' },
      });
    }
  });
});

test.each([
  ['PUT', '/blobs/a'],
  ['DELETE', '/blobs/a'],
  ['PATCH', '/entries/0'],
  ['POST', '/entries/0/complete'],
  ['POST', '/truncate'],
])('%s %s is not offered, whatever is sent', async (method, path) => {
  const { logId, store } = await newStore();
  await (await store.getRootDir()).writeBlob('a', bytes(1));
  for (const type of ['application/json', 'application/octet-stream']) {
    const answer = await server.request(method, `/logs/${logId}${path}`, '{}', { 'content-type': type });
    expect(answer).toMatchObject({ status: 403, body: { code: 'not_exposed', detail: expect.stringContaining('not offered over REST') } });
  }
  expect(await (await store.getRootDir()).readBlob('a')).toEqual(bytes(1));
});
