import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseBlobLocation } from '../../src/blob-store/blob-location.ts';
import { loadConfig } from '../../src/config.ts';
import { SetupError } from '../../src/errors.ts';
import { createLogger, linesOf, maskSecrets } from '../../src/logging.ts';
import { loadJobSettings } from '../../src/settings/job-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Away from a temporal.toml of whoever runs the tests. */
const nothing = { HOME: folder, XDG_CONFIG_HOME: folder };

const load = (environment: Record<string, string>, directory = folder) => loadConfig({ ...nothing, ...environment }, directory);

function refusal(environment: Record<string, string>, directory = folder): string {
  try {
    load(environment, directory);
  } catch (error) {
    expect(error).toBeInstanceOf(SetupError);
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error(`accepted: ${JSON.stringify(environment)}`);
}

describe('without any variable', () => {
  test('everything has its default, and no server is configured', () => {
    expect(load({})).toEqual({
      databaseUrl: undefined,
      temporal: { configured: false, address: '127.0.0.1:7233', namespace: 'default' },
      schema: 'tidemark',
      blobs: undefined,
      dataDir: join(folder, '.tidemark'),
      ports: { postgres: undefined, temporal: undefined, ui: undefined },
      maxInFlight: undefined,
      cacheBytes: undefined,
      garbage: { everyMs: 86_400_000, graceMs: 86_400_000 },
      jobs: { useJobs: true, serviceType: undefined, defaults: {} },
      http: {
        host: '127.0.0.1',
        port: undefined,
        auth: undefined,
        basePath: '',
        trustProxy: undefined,
        requestsPerMinute: 12_000,
        maxConnections: 5_000,
        stallTimeoutMs: 60_000,
      },
      metrics: undefined,
      onDead: undefined,
      uiUrl: undefined,
      temporalCli: undefined,
      logLevel: 'info',
      ci: false,
    });
  });

  test('an empty variable counts as one that is not set', () => {
    expect(load({ DATABASE_URL: '', TIDEMARK_UI_PORT: '', LOG_LEVEL: '', TEMPORAL_ADDRESS: '' })).toEqual(load({}));
  });
});

test('values are typed, paths absolute, and nothing can be changed afterwards', () => {
  const config = load({
    DATABASE_URL: 'postgresql://u:p@db:5432/app',
    TIDEMARK_BLOBS: 'kept/blobs',
    TIDEMARK_DATA: 'data',
    TIDEMARK_POSTGRES_PORT: '5433',
    TIDEMARK_MAX_IN_FLIGHT: '8',
    TIDEMARK_CACHE_BYTES: '0',
    LOG_LEVEL: 'debug',
    CI: 'true',
    TIDEMARK_HTTP_BASE_PATH: '/a/tide.mark/',
    TIDEMARK_HTTP_TRUST_PROXY: '10.0.0.0/8, ::1',
    TIDEMARK_HTTP_REQUESTS_PER_MINUTE: '0',
    TIDEMARK_HTTP_STALL_TIMEOUT: '5m',
  });
  expect(config).toMatchObject({
    databaseUrl: 'postgresql://u:p@db:5432/app',
    blobs: join(folder, 'kept/blobs'),
    dataDir: join(folder, 'data'),
    ports: { postgres: 5433 },
    maxInFlight: 8,
    cacheBytes: 0,
    logLevel: 'debug',
    ci: true,
    http: { basePath: '/a/tide.mark', trustProxy: ['10.0.0.0/8', '::1'], requestsPerMinute: undefined, stallTimeoutMs: 300_000 },
  });
  expect(() => Object.assign(config.http, { host: '0.0.0.0' })).toThrow(TypeError);
  expect(() => Object.assign(config, { schema: 'other' })).toThrow(TypeError);
  expect(() => Object.assign(config.ports, { ui: 1 })).toThrow(TypeError);
  expect(() => Object.assign(config.temporal, { address: 'x' })).toThrow(TypeError);
});

describe('where the blobs are', () => {
  const place = (environment: Record<string, string>) => parseBlobLocation(load(environment).blobs ?? '');

  test.each([
    ['kept', { kind: 'directory', path: join(folder, 'kept') }],
    ['/var/blobs', { kind: 'directory', path: '/var/blobs' }],
    ['./s3', { kind: 'directory', path: join(folder, 's3') }],
    ['/a:b/c', { kind: 'directory', path: '/a:b/c' }],
    ['postgres:', { kind: 'postgres' }],
    ['s3://acme-blobs', { kind: 's3', bucket: 'acme-blobs', prefix: '' }],
    ['s3://acme-blobs/', { kind: 's3', bucket: 'acme-blobs', prefix: '' }],
    ['s3://acme.blobs/a/b c+%20/', { kind: 's3', bucket: 'acme.blobs', prefix: 'a/b c+%20/' }],
  ])('%s', (value, location) => {
    expect(place({ TIDEMARK_BLOBS: value })).toEqual(location);
  });

  test('an endpoint goes with the address, the one for S3 first, and with no folder', () => {
    const endpoints = { AWS_ENDPOINT_URL: 'https://aws.example', AWS_ENDPOINT_URL_S3: 'http://minio:9000/?x=1&y=2' };
    const s3 = { kind: 's3', bucket: 'acme', prefix: 'p' };
    expect(place({ TIDEMARK_BLOBS: 's3://acme/p', ...endpoints })).toEqual({ ...s3, endpoint: 'http://minio:9000/?x=1&y=2' });
    expect(place({ TIDEMARK_BLOBS: 's3://acme/p', AWS_ENDPOINT_URL: 'https://aws.example' })).toEqual({
      ...s3,
      endpoint: 'https://aws.example',
    });
    expect(place({ TIDEMARK_BLOBS: 'kept', ...endpoints })).toEqual({ kind: 'directory', path: join(folder, 'kept') });
  });

  test.each([
    's3://',
    's3:acme',
    's3://key:hunter2@acme',
    's3://acme//x',
    's3://acme/../x',
    's3://acme/x?endpoint=hunter2',
    'gs://hunter2',
    'postgres:blobs',
    'POSTGRES:',
  ])('%s is refused, and not repeated: it may hold a secret', (value) => {
    expect(refusal({ TIDEMARK_BLOBS: value })).toBe(
      'TIDEMARK_BLOBS cannot be used: use a folder, postgres: for the database of DATABASE_URL, or s3://BUCKET/PREFIX (keys and an endpoint are variables of their own).',
    );
  });

  test('an endpoint with a password is refused, and not repeated', () => {
    expect(refusal({ AWS_ENDPOINT_URL: 'http://me:hunter2@minio' })).toBe(
      'AWS_ENDPOINT_URL cannot be used: use an address such as https://s3.example.com, without user or password.',
    );
  });
});

describe('a bad value is refused with its variable, itself and what it may be', () => {
  test.each([
    [{ TIDEMARK_UI_PORT: '70000' }, "TIDEMARK_UI_PORT is '70000': use a whole number from 1 to 65535."],
    [{ TIDEMARK_POSTGRES_PORT: '0' }, "TIDEMARK_POSTGRES_PORT is '0': use a whole number from 1 to 65535."],
    [{ TIDEMARK_TEMPORAL_PORT: 'x' }, "TIDEMARK_TEMPORAL_PORT is 'x': use a whole number from 1 to 65535."],
    [{ USE_JOBS: 'maybe' }, "USE_JOBS is 'maybe': use 'on' or 'off'."],
    [{ SERVICE_TYPE: 'backend' }, "SERVICE_TYPE is 'backend': use one of frontend, worker, monolith."],
    [{ JOB_ATTEMPTS: '0' }, "JOB_ATTEMPTS is '0': use a whole number from 1 to 1000."],
    [{ JOB_BACKOFF_MS: '1s' }, "JOB_BACKOFF_MS is '1s': use a whole number from 0 to 2147483647."],
    [{ JOB_KEEP_COMPLETED: '-1' }, "JOB_KEEP_COMPLETED is '-1': use a whole number from 0 to 1000000."],
    [{ JOB_KEEP_FAILED: '1000001' }, "JOB_KEEP_FAILED is '1000001': use a whole number from 0 to 1000000."],
    [{ TIDEMARK_MAX_IN_FLIGHT: '0' }, "TIDEMARK_MAX_IN_FLIGHT is '0': use a whole number from 1 to 1000."],
    [{ TIDEMARK_CACHE_BYTES: '1.5' }, "TIDEMARK_CACHE_BYTES is '1.5': use a whole number from 0 to 68719476736."],
    [{ TIDEMARK_SCHEMA: 'My-Schema' }, "TIDEMARK_SCHEMA is 'My-Schema': use 1 to 63 of a-z, 0-9 and _, not starting with a digit."],
    [{ LOG_LEVEL: 'loud' }, "LOG_LEVEL is 'loud': use one of trace, debug, info, warn, error, fatal, silent."],
    [{ TEMPORAL_ADDRESS: 'http://host' }, "TEMPORAL_ADDRESS is 'http://host': use HOST:PORT, without http://."],
    [{ TEMPORAL_ADDRESS: 'host:70000' }, "TEMPORAL_ADDRESS is 'host:70000': use HOST:PORT, without http://."],
    [{ TEMPORAL_NAMESPACE: 'a b' }, "TEMPORAL_NAMESPACE is 'a b': use 1 to 255 characters without spaces."],
    [{ TIDEMARK_HTTP_BASE_PATH: 'tidemark' }, "TIDEMARK_HTTP_BASE_PATH is 'tidemark': use a path such as /tidemark."],
    [{ TIDEMARK_HTTP_BASE_PATH: '/a/../b' }, "TIDEMARK_HTTP_BASE_PATH is '/a/../b': use a path such as /tidemark."],
    [
      { TIDEMARK_HTTP_TRUST_PROXY: '10.0.0.0/33' },
      "TIDEMARK_HTTP_TRUST_PROXY is '10.0.0.0/33': use addresses of proxies, such as 10.0.0.0/8,127.0.0.1.",
    ],
    [{ TIDEMARK_AUTH: 'no' }, "TIDEMARK_AUTH is 'no': use 'tokens', or 'off' on 127.0.0.1."],
    [{ TEMPORAL_CONFIG_FILE: '/nowhere.toml' }, "TEMPORAL_CONFIG_FILE is '/nowhere.toml': there is no such file."],
  ])('%o', (environment, message) => {
    expect(refusal(environment as unknown as Record<string, string>)).toBe(message);
  });

  test('a database address is not repeated: it may hold a password', () => {
    expect(refusal({ TIDEMARK_BLOBS: 'postgres://u:hunter2@db/app' })).toBe(
      'TIDEMARK_BLOBS cannot be used: use a folder, postgres: for the database of DATABASE_URL, or s3://BUCKET/PREFIX (keys and an endpoint are variables of their own).',
    );
    expect(refusal({ DATABASE_URL: 'mysql://u:hunter2@db/app' })).toBe(
      'DATABASE_URL cannot be used: use an address such as postgres://user@host:5432/database.',
    );
  });
});

describe('what is shown and told', () => {
  test.each([
    ['9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:9464', { host: '0.0.0.0', port: 9464 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['metrics.internal:80', { host: 'metrics.internal', port: 80 }],
  ])('metrics at %s', (TIDEMARK_METRICS, metrics) => {
    expect(load({ TIDEMARK_METRICS }).metrics).toEqual(metrics);
  });

  test.each(['on', '70000', 'http://x:1', '::1:9464', ':9464', 'x:'])('metrics are not offered at %s', (TIDEMARK_METRICS) => {
    expect(refusal({ TIDEMARK_METRICS })).toBe(
      `TIDEMARK_METRICS is '${TIDEMARK_METRICS}': use HOST:PORT such as 0.0.0.0:9464, or a port of 127.0.0.1.`,
    );
  });

  test('whom to tell of dead units; address and secret are not repeated', () => {
    const TIDEMARK_ON_DEAD_URL = 'https://hooks.example/x?key=hunter2';
    const TIDEMARK_ON_DEAD_SECRET = 'whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==';
    expect(load({ TIDEMARK_ON_DEAD_URL, TIDEMARK_ON_DEAD_SECRET }).onDead).toEqual({
      url: TIDEMARK_ON_DEAD_URL,
      secret: TIDEMARK_ON_DEAD_SECRET,
    });
    expect(load({ TIDEMARK_ON_DEAD_URL }).onDead).toEqual({ url: TIDEMARK_ON_DEAD_URL, secret: undefined });
    const refused: Record<string, string>[] = [
      { TIDEMARK_ON_DEAD_SECRET },
      { TIDEMARK_ON_DEAD_URL, TIDEMARK_ON_DEAD_SECRET: 'hunter2' },
      { TIDEMARK_ON_DEAD_URL: 'https://me:hunter2@hooks.example' },
      { TIDEMARK_ON_DEAD_URL: 'hunter2' },
    ];
    for (const variables of refused) {
      expect(refusal(variables)).toMatch(/^TIDEMARK_ON_DEAD_(URL|SECRET) /);
      expect(refusal(variables)).not.toContain('hunter2');
    }
  });
});

describe('Temporal profiles', () => {
  writeFileSync(
    join(folder, 'temporal.toml'),
    '[profile.default]\naddress = "127.0.0.1:7777"\n[profile.cloud]\naddress = "cloud.example:7233"\nnamespace = "mine"\n',
  );

  test('a named one is read from temporal.toml in the folder', () => {
    expect(load({ TEMPORAL_PROFILE: 'cloud' }).temporal).toEqual({ configured: true, address: 'cloud.example:7233', namespace: 'mine' });
  });

  test('without a name the file there is left alone, so that a running dev is found', () => {
    expect(load({}).temporal).toEqual({ configured: false, address: '127.0.0.1:7233', namespace: 'default' });
  });

  test('single variables go before the profile, and an API key turns TLS on', () => {
    const { temporal } = load({ TEMPORAL_PROFILE: 'cloud', TEMPORAL_NAMESPACE: 'other', TEMPORAL_API_KEY: 'secret-key' });
    expect(temporal).toMatchObject({ namespace: 'other', apiKey: 'secret-key' });
    expect(temporal.tls).toBeTruthy();
  });

  test('one that is not in the file is refused by its name', () => {
    const message = refusal({ TEMPORAL_PROFILE: 'nowhere' });
    expect(message).toContain("TEMPORAL_PROFILE 'nowhere'");
    expect(message).toContain('temporal.toml');
  });
});

describe('secrets stay out of what is written', () => {
  test('passwords in addresses are masked, whatever they are made of', () => {
    expect(maskSecrets('at postgres://app:p@ss:w0rd@db:5432/x and redis://:other@cache')).toBe(
      'at postgres://app:***@db:5432/x and redis://:***@cache',
    );
    expect(maskSecrets('postgres:///x?host=/run&user=a&password=hunter2&ssl=1')).toBe('postgres:///x?host=/run&user=a&password=***&ssl=1');
    expect(maskSecrets('http://127.0.0.1:8233/namespaces/default a@b.example')).toBe(
      'http://127.0.0.1:8233/namespaces/default a@b.example',
    );
  });

  test('a log line holds none, not in its message, its fields or an error', () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', name: 'test', secrets: ['secret-key', undefined], write: (line) => lines.push(line) });
    log.info({ url: 'postgres://app:hunter2@db/x', key: 'secret-key' }, 'connecting to postgres://app:hunter2@db/x');
    log.error({ err: new Error('cannot reach postgres://app:hunter2@db/x with secret-key') });
    log.debug('below the level');
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toMatch(/hunter2|secret-key/);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ name: 'test', msg: 'connecting to postgres://app:***@db/x', key: '***' });
  });
});

test('what a handler logs is a line with its fields, and nothing below the level', () => {
  const lines: string[] = [];
  const line = linesOf(createLogger({ level: 'info', name: 'worker', write: (text) => lines.push(text) }));
  line('info', 'sent', { messageId: '17', subscription: 'mail', attempt: 2 });
  line('debug', 'more', {});
  expect(lines.map((text) => JSON.parse(text))).toEqual([
    expect.objectContaining({ level: 30, msg: 'sent', messageId: '17', subscription: 'mail', attempt: 2, name: 'worker' }),
  ]);
});

describe('jobs', () => {
  test.each([
    ['on', true],
    ['TRUE', true],
    ['off', false],
    ['0', false],
  ])('USE_JOBS=%s', (USE_JOBS, useJobs) => {
    expect(load({ USE_JOBS }).jobs.useJobs).toBe(useJobs);
    expect(loadJobSettings({ USE_JOBS }).useJobs).toBe(useJobs);
  });

  test('an application reads theirs without those of servers', () => {
    const environment = {
      SERVICE_TYPE: 'frontend',
      JOB_ATTEMPTS: '7',
      JOB_BACKOFF_MS: '20',
      JOB_KEEP_COMPLETED: '3',
      JOB_KEEP_FAILED: '0',
    };
    const expected = {
      useJobs: true,
      serviceType: 'frontend',
      defaults: { attempts: 7, backoffMs: 20, keepCompleted: 3, keepFailed: 0 },
    };
    expect(load(environment).jobs).toEqual(expected);
    expect(loadJobSettings({ ...environment, TEMPORAL_ADDRESS: 'none of its business' })).toEqual(expected);
    expect(() => loadJobSettings({ JOB_ATTEMPTS: 'many' })).toThrow("JOB_ATTEMPTS is 'many': use a whole number from 1 to 1000.");
  });
});
