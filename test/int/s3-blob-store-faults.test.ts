import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createS3BlobStore, type S3BlobStoreOptions } from '../../src/blob-store/s3-blob-store.ts';
import { BlobNotFoundError, SetupError, UnavailableError } from '../../src/errors.ts';
import { classifyError } from '../../src/work/classify-error.ts';
import { bytes } from '../contract/blob-store.ts';
import { runCli } from '../support/cli.ts';
import { type S3Interference, type S3Proxy, startS3Proxy } from '../support/s3-proxy.ts';
import { createLimitedUser, enforceRights } from '../support/s3-rights.ts';
import { BUCKET, CREDENTIALS, REGION, type S3Server, startS3Server } from '../support/s3-server.ts';

let server: S3Server;
let proxy: S3Proxy;
let count = 0;

beforeAll(async () => {
  server = await startS3Server();
  proxy = await startS3Proxy(server.endpoint);
}, 360_000);
beforeEach(() => proxy.interfere(() => undefined));
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
});

const open = (options: Partial<S3BlobStoreOptions> = {}) =>
  createS3BlobStore({
    endpoint: proxy.endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    bucket: BUCKET,
    prefix: `faults/${count++}`,
    ...options,
  }).getRootDir();

const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: Error) => error,
  );

/** What happens to the first requests whose line matches; the later ones pass. */
const first = (times: number, matching: RegExp, interference: S3Interference) =>
  proxy.interfere((request, earlier) =>
    matching.test(request) && earlier.filter((one) => matching.test(one)).length < times ? interference : undefined,
  );

/** Nothing that is thrown may show who asked, or with what. */
function expectNoSecret(error: Error): void {
  const shown = [error.message, error.stack, String(error.cause), JSON.stringify(error), JSON.stringify(error.cause)].join('\n');
  expect(shown).not.toContain(CREDENTIALS.secretAccessKey);
  expect(shown).not.toContain(CREDENTIALS.accessKeyId);
}

describe('S3, for a while', () => {
  const large = new Uint8Array(17 * 2 ** 20).fill(7);

  it.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
  ])('a %i is tried again, every kind of request', async (status, code) => {
    const root = await open();
    for (const method of [/^PUT/, /^GET .*list-type/, /^GET (?!.*list-type)/, /^POST .*delete/, /^DELETE/, /^HEAD/]) {
      first(2, method, { status, code });
      const dir = await root.getDir(`d${count++}`);
      await dir.writeBlob('a', bytes(1));
      expect(await dir.readBlob('a')).toEqual(bytes(1));
      await dir.removeBlob('a');
      await dir.writeBlob('b', bytes(2));
      await dir.removeAll();
      expect(await dir.query()).toEqual({ blobs: [], dirs: [] });
      expect(proxy.requests.filter((request) => method.test(request)).length).toBeGreaterThan(2);
    }
  });

  it('an answer that breaks off is asked for again, and a write whose answer is lost is repeated', async () => {
    const root = await open();
    const content = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
    const name = `tile-${'0'.repeat(64)}.gz`;
    first(1, /^PUT/, 'lose-answer');
    await root.writeBlob(name, content);
    expect(proxy.requests.filter((request) => request.startsWith('PUT')).length).toBe(2);
    first(1, /^GET/, 'break-off');
    expect(Buffer.compare(await root.readBlob(name), content)).toBe(0);
  });

  it('a server that does not know conditions gets the write without one', async () => {
    const root = await open();
    first(1, /^PUT/, { status: 501, code: 'NotImplemented' });
    await root.writeBlob(`tile-${'1'.repeat(64)}.gz`, bytes(1));
    expect((await root.query()).blobs.length).toBe(1);
  });

  it('a part that fails once is sent again', async () => {
    const root = await open();
    first(1, /^PUT .*partNumber=2/, { status: 503, code: 'SlowDown' });
    await root.writeBlob('large', large);
    expect(Buffer.compare(await root.readBlob('large'), large)).toBe(0);
  });

  it('an upload that fails leaves the blob from before, and no part', async () => {
    const root = await open();
    await root.writeBlob('large', bytes(1));
    for (const refused of [/^PUT .*partNumber=2/, /^POST .*uploadId=/]) {
      first(Number.POSITIVE_INFINITY, refused, { status: 403, code: 'AccessDenied' });
      await expect(root.writeBlob('large', large)).rejects.toThrow(SetupError);
      expect(proxy.requests.at(-1)).toMatch(/^DELETE .*uploadId=/);
      const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
      expect(Uploads).toEqual([]);
      expect(await root.readBlob('large')).toEqual(bytes(1));
    }
  });

  it('a 503 that stays is UnavailableError, after six tries', async () => {
    const root = await open();
    first(Number.POSITIVE_INFINITY, /^GET/, { status: 503, code: 'SlowDown' });
    const failure = await failureOf(root.readBlob('a'));
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(failure.message).toContain('SlowDown, status 503');
    expect(classifyError(failure)).toBe('infrastructure');
    expect(proxy.requests.length).toBe(6);
    expectNoSecret(failure);
  });

  it('a server that never answers is UnavailableError at the deadline, whatever is asked', async () => {
    const root = await open({ deadlineMs: 600 });
    proxy.interfere(() => 'hold');
    const asked = [
      root.readBlob('a'),
      root.writeBlob('a', bytes(1)),
      root.removeBlob('a'),
      root.getDir('a'),
      root.query(),
      root.removeAll(),
    ];
    const startedAt = performance.now();
    for (const failure of await Promise.all(asked.map(failureOf))) {
      expect(failure).toBeInstanceOf(UnavailableError);
    }
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  it('a server that is down is UnavailableError within the deadline', async () => {
    const root = await open({ endpoint: 'http://127.0.0.1:1', deadlineMs: 10_000 });
    const startedAt = performance.now();
    const failure = await failureOf(root.writeBlob('a', bytes(1)));
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(failure.message).toContain('http://127.0.0.1:1');
    expect(failure.message).toContain('ECONNREFUSED');
    expect(performance.now() - startedAt).toBeLessThan(10_500);
  });
});

describe('S3, until a person does something', () => {
  it('no such bucket says which, and that it has to be made', async () => {
    const root = await open({ bucket: 'no-such-bucket' });
    const asked = [root.readBlob('a'), root.query(), root.writeBlob('a', bytes(1)), root.removeAll()];
    for (const failure of await Promise.all(asked.map(failureOf))) {
      expect(failure).toBeInstanceOf(SetupError);
      expect(failure.message).toContain("There is no bucket 'no-such-bucket'");
    }
  });

  it('access denied names the rights, keys that are not known say so, and neither shows a key', async () => {
    const limited = await createLimitedUser(server.endpoint, ['s3:ListBucket', 's3:GetObject']);
    const stop = await enforceRights(server.endpoint);
    try {
      const reader = await open({ credentials: limited });
      expect(await reader.query()).toEqual({ blobs: [], dirs: [] });
      await expect(reader.readBlob('a')).rejects.toThrow(BlobNotFoundError);
      const denied = await failureOf(reader.writeBlob('a', bytes(1)));
      expect(denied).toBeInstanceOf(SetupError);
      expect(denied.message).toMatch(/PutObject is not allowed in bucket .*grant .*s3:PutObject/);
      const stranger = await failureOf((await open()).query());
      expect(stranger).toBeInstanceOf(SetupError);
      expect(stranger.message).toContain('InvalidAccessKeyId');
      expectNoSecret(stranger);
      for (const failure of [denied, stranger]) expect(classifyError(failure)).toBe('fatal');
    } finally {
      await stop();
    }
  });
});

describe('tidemark doctor', () => {
  const blobs = async (env: Record<string, string>) => {
    const { stdout } = await runCli(['doctor', '--json'], {
      env: { AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey, AWS_REGION: REGION, ...env },
    });
    expect(stdout).not.toContain(CREDENTIALS.secretAccessKey);
    return JSON.parse(stdout).findings.find(({ check }: { check: string }) => check === 'blobs');
  };

  it('looks at the bucket of TIDEMARK_BLOBS, by the keys and the endpoint of the environment', async () => {
    const env = { AWS_ENDPOINT_URL: proxy.endpoint.replace('127.0.0.1', 'localhost') };
    expect(await blobs({ ...env, TIDEMARK_BLOBS: `s3://${BUCKET}/a/b` })).toMatchObject({ state: 'ok' });
    expect(proxy.requests[0]).toMatch(new RegExp(`^GET /${BUCKET}.*prefix=a%2Fb%2F`));
    expect(await blobs({ ...env, TIDEMARK_BLOBS: 's3://no-such-bucket' })).toMatchObject({
      state: 'wrong',
      found: expect.stringContaining('There is no bucket'),
    });
  });
});
