import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3BlobStore, type S3BlobStoreOptions } from '../../src/blob-store/s3-blob-store.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { blobStoreContract, bytes, listAll } from '../contract/blob-store.ts';
import { type S3Proxy, startS3Proxy } from '../support/s3-proxy.ts';
import { BUCKET, CREDENTIALS, REGION, type S3Server, startS3Server } from '../support/s3-server.ts';
import { cell, newLog, snapshotAt } from '../unit/snapshot-fixtures.ts';

let server: S3Server;
let proxy: S3Proxy;
let count = 0;
const newPrefix = () => `stores/${count++}`;

beforeAll(async () => {
  server = await startS3Server();
  proxy = await startS3Proxy(server.endpoint);
}, 360_000);
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
});

const open = (options: Partial<S3BlobStoreOptions> = {}) =>
  createS3BlobStore({
    endpoint: server.endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    bucket: BUCKET,
    prefix: newPrefix(),
    ...options,
  });

blobStoreContract('S3', (options) => open(options));

const methodsOf = (requests: readonly string[]) => requests.map((request) => request.split(' ')[0]).sort();

describe('a blob store in S3', () => {
  it('keeps a blob as the object at its path below the prefix', async () => {
    const root = await open({ prefix: 'app/blobs/' }).getRootDir();
    await (await root.getDir('orders')).writeBlob('snapshot-100', bytes(1, 2));
    const { Body } = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'app/blobs/orders/snapshot-100' }));
    expect(await Body?.transformToByteArray()).toEqual(bytes(1, 2));
  });

  it('works with a client of the caller’s own, and is found again by another store, continuations included', async () => {
    const prefix = newPrefix();
    const before = await open({ prefix, pageSize: 2 }).getRootDir();
    for (const name of ['a', 'b', 'c']) {
      await before.writeBlob(name, bytes(1));
    }
    const { continuation } = await before.query();
    const after = await createS3BlobStore({ client: server.client, bucket: BUCKET, prefix }).getRootDir();
    expect(await after.query(continuation)).toEqual({ blobs: ['c'], dirs: [] });
    expect(await after.readBlob('a')).toEqual(bytes(1));
  });

  it('keeps stores of other prefixes apart, also where one begins like the other', async () => {
    const prefix = newPrefix();
    const [one, other] = [await open({ prefix }).getRootDir(), await open({ prefix: `${prefix}0` }).getRootDir()];
    await one.writeBlob('a', bytes(1));
    await other.writeBlob('a', bytes(2));
    await one.removeAll();
    expect(await one.query()).toEqual({ blobs: [], dirs: [] });
    expect(await other.readBlob('a')).toEqual(bytes(2));
  });

  it.each(['a+b', 'a%20b', '%', '+', 'a&b=c;d@e,$', '%2F', '\uffff', '&amp;', 'e\u0301'])(
    'names that URLs and XML have a use for come back as they were: %j',
    async (name) => {
      const root = await open().getRootDir();
      await root.writeBlob(name, bytes(1));
      await (await (await root.getDir('below')).getDir(name)).writeBlob(name, bytes(2));
      expect(await root.query()).toEqual({ blobs: [name], dirs: ['below'] });
      expect(await (await root.getDir('below')).query()).toEqual({ blobs: [], dirs: [name] });
      expect(await root.readBlob(name)).toEqual(bytes(1));
      await root.removeAll();
      expect(await root.query()).toEqual({ blobs: [], dirs: [] });
    },
  );

  it('asks for listings in the encoding that holds every name, and reads it as Amazon writes it', async () => {
    const root = await open({ endpoint: proxy.endpoint }).getRootDir();
    for (const name of ['a b', 'a+b', 'a%2Bb']) await root.writeBlob(name, bytes(1));
    await (await root.getDir('c d+')).writeBlob('in', bytes(1));
    proxy.interfere(() => 'as-amazon');
    expect(await root.query()).toEqual({ blobs: ['a b', 'a%2Bb', 'a+b'], dirs: ['c d+'] });
    expect(proxy.requests[0]).toContain('encoding-type=url');
  });

  it('leaves objects out that are no blobs of its own, such as a console’s folders', async () => {
    const prefix = newPrefix();
    const root = await open({ prefix }).getRootDir();
    for (const Key of [`${prefix}/`, `${prefix}/a:b`]) {
      await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: '1' }));
    }
    await root.writeBlob('a', bytes(1));
    expect(await root.query()).toEqual({ blobs: ['a'], dirs: [] });
  });

  it('writes what is above 16 MiB in parts, byte for byte', async () => {
    const prefix = newPrefix();
    const root = await open({ prefix }).getRootDir();
    const content = Uint8Array.from({ length: 17 * 2 ** 20 + 3 }, (_, index) => (index * 31) % 251);
    await root.writeBlob('large', content);
    expect(Buffer.compare(await root.readBlob('large'), content)).toBe(0);
    const { ETag } = await server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: `${prefix}/large` }));
    expect(ETag).toMatch(/-3"$/);
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    expect(Uploads).toEqual([]);
  });

  it('asks once about a directory, and writes what is named by its content with one request, only where it is missing', async () => {
    const dir = await (await open({ endpoint: proxy.endpoint }).getRootDir()).getDir('log');
    const nameOf = (text: string) => `tile-${createHash('sha256').update(text).digest('hex')}.gz`;
    proxy.interfere(() => undefined);
    await Promise.all(['a', 'b', 'c'].map((text) => dir.writeBlob(nameOf(text), bytes(1))));
    expect(methodsOf(proxy.requests)).toEqual(['PUT', 'PUT', 'PUT']);
    await dir.writeBlob(nameOf('a'), bytes(2));
    expect(await dir.readBlob(nameOf('a'))).toEqual(bytes(1));
    expect((await dir.query()).blobs.length).toBe(3);
  });

  it('a snapshot of one changed cell is two reads and two writes', async () => {
    const options = { logType: sheet, blobs: await (await open({ endpoint: proxy.endpoint }).getRootDir()).getDir('log') };
    const log = await newLog([cell(0, 0, 1), cell(5_000, 0, 2), cell(0, 0, 3), cell(0, 0, 4)]);
    await snapshotAt({ ...options, log, sequenceId: 2n });
    proxy.interfere(() => undefined);
    await snapshotAt({ ...options, log, sequenceId: 3n });
    expect(methodsOf(proxy.requests)).toEqual(['GET', 'GET', 'PUT', 'PUT']);
  });

  it('removes a thousand in one request', async () => {
    const prefix = newPrefix();
    const root = await open({ prefix, endpoint: proxy.endpoint }).getRootDir();
    const keys = Array.from({ length: 1_001 }, (_, index) => `${prefix}/a/${index}`);
    for (let start = 0; start < keys.length; start += 20) {
      const puts = keys.slice(start, start + 20).map((Key) => server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: '1' })));
      await Promise.all(puts);
    }
    expect((await listAll(await root.getDir('a'))).blobs.length).toBe(1_001);
    proxy.interfere(() => undefined);
    await root.removeAll();
    expect(proxy.requests.filter((request) => request.startsWith('POST')).length).toBe(2);
    expect(await root.query()).toEqual({ blobs: [], dirs: [] });
  }, 60_000);

  it.each([
    [{ bucket: '' }, /name of a bucket/],
    [{ prefix: 'a//b' }, /Prefix 'a\/\/b'/],
    [{ prefix: '../x' }, /Prefix/],
    [{ endpoint: 'minio:9000' }, /endpoint cannot be used/],
    [{ endpoint: 'http://me:hunter2@minio' }, /^(?!.*hunter2).*without user or password/],
    [{ deadlineMs: 0 }, /Deadline 0/],
  ])('refuses %o', (options, message) => {
    expect(() => open(options)).toThrow(InvalidInputError);
    expect(() => open(options)).toThrow(message);
    expect(() => open({ client: server.client })).toThrow('either a client');
  });

  it('refuses a key that S3 has no room for', async () => {
    let dir = await open().getRootDir();
    for (let depth = 0; depth < 3; depth += 1) dir = await dir.getDir('漢'.repeat(100));
    await expect(dir.writeBlob('漢'.repeat(100), bytes(1))).rejects.toThrow(InvalidInputError);
  });
});
