/** docker-compose.yml and the Dockerfile, read: what can be known without a Docker engine. compose.test.ts runs what is in them. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { STATEMENT_CONNECTIONS } from '../../src/cli/worker-pools.ts';
import { DEFAULT_HTTP_PORT, loadConfig } from '../../src/config.ts';
import { CLOSE_DEADLINE_MS } from '../../src/http/closing.ts';
import { WORKER_POOL_CONNECTIONS, workerOptions } from '../../src/temporal/worker-options.ts';
import { composeText, loadCompose, repository, serviceOf } from './compose-file.ts';

const PASSWORDS = [
  'POSTGRES_PASSWORD',
  'TIDEMARK_MIGRATOR_PASSWORD',
  'TIDEMARK_APP_PASSWORD',
  'TIDEMARK_CDC_PASSWORD',
  'TEMPORAL_POSTGRES_PASSWORD',
];
const variables = Object.fromEntries(PASSWORDS.map((name, index) => [name, `secret${index}`]));
const compose = loadCompose(variables);
const services = Object.entries(compose.services);
const OURS = ['migrate', 'starter', 'worker', 'cdc', 'server', 'cli'];
const dockerfile = readFileSync(`${repository}Dockerfile`, 'utf8');

const seconds = (duration: string): number => Number(/^(\d+) ?s(?:econds)?$/.exec(duration)?.[1]);

test.each(PASSWORDS)('without %s nothing is loaded', (name) => {
  expect(() => loadCompose({ ...variables, [name]: '' })).toThrow(`required variable ${name} is missing a value`);
});

test('no password is written down', () => {
  const withPassword = composeText().matchAll(/^\s*\w*(?:PASSWORD|PWD)\w*:\s*(?<value>.+)$/gm);
  const values = [...withPassword].map(({ groups }) => groups?.value);
  expect(values.length).toBeGreaterThanOrEqual(4);
  for (const value of values) expect(value).toMatch(/^\$\{\w+:\?[^}]+\}$/);
});

test.each(services.filter(([name]) => !OURS.includes(name)))('the image of %s is pinned to a version', (_name, { image, build }) => {
  expect(image).toMatch(/^[a-z][a-z0-9/-]*:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  expect(build).toBeUndefined();
});

test('our services are built here, as one image that carries the version of the package', () => {
  const { version } = JSON.parse(readFileSync(`${repository}package.json`, 'utf8'));
  for (const name of OURS) expect(serviceOf(compose, name)).toMatchObject({ image: `tidemark:${version}`, build: '.', init: true });
});

test('every published port is bound to 127.0.0.1', () => {
  const ports = services.flatMap(([, service]) => service.ports);
  expect(ports.sort()).toEqual(['127.0.0.1:5432:5432', '127.0.0.1:7233:7233', '127.0.0.1:7420:7420', '127.0.0.1:8080:8080']);
});

test('what runs on is restarted, and everything others wait for has a health check', () => {
  const running = ['postgres', 'temporal-postgres', 'temporal', 'temporal-ui', 'starter', 'worker', 'cdc', 'server'];
  for (const name of running) expect(serviceOf(compose, name).restart, name).toBe('unless-stopped');
  for (const name of ['postgres', 'temporal-postgres', 'temporal', 'starter', 'worker', 'cdc', 'server']) {
    expect(serviceOf(compose, name).healthcheck?.test[0], name).toBe('CMD');
  }
});

test('a service waits for servers that are healthy and for steps that are done, and for nothing that is not there', () => {
  for (const [name, { depends_on }] of services) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const { restart, healthcheck } = serviceOf(compose, other);
      const runsOn = restart === 'unless-stopped';
      expect(condition, `${name} → ${other}`).toBe(runsOn ? 'service_healthy' : 'service_completed_successfully');
      expect(runsOn, `${name} → ${other}`).toBe(healthcheck !== undefined);
    }
  }
  expect(Object.keys(serviceOf(compose, 'worker').depends_on).sort()).toEqual(['migrate', 'postgres', 'temporal', 'temporal-namespace']);
  for (const name of ['starter', 'server']) expect(serviceOf(compose, name).depends_on).toEqual(serviceOf(compose, 'worker').depends_on);
});

test('a worker has longer to stop than it takes at most', () => {
  const { shutdownForceTime } = workerOptions({ connection: {} as never, namespace: '', taskQueue: '', activities: {} });
  for (const name of ['starter', 'worker']) {
    expect(seconds(serviceOf(compose, name).stop_grace_period ?? ''), name).toBeGreaterThan(seconds(String(shutdownForceTime)));
  }
});

test('the server has longer to stop than its deadline, and listens where its port leads', () => {
  const { environment, ports, stop_grace_period: grace = '' } = serviceOf(compose, 'server');
  expect(seconds(grace) * 1_000).toBeGreaterThan(CLOSE_DEADLINE_MS);
  expect(environment).toMatchObject({ SERVICE_TYPE: 'frontend', TIDEMARK_HTTP_HOST: '0.0.0.0' });
  expect(ports).toEqual([`127.0.0.1:${DEFAULT_HTTP_PORT}:${DEFAULT_HTTP_PORT}`]);
});

test('Postgres has connections for every worker, the starter, the server and half as many again', () => {
  const allowed = Number(/max_connections=(\d+)/.exec(serviceOf(compose, 'postgres').command?.join(' ') ?? '')?.[1]);
  const { replicas } = serviceOf(compose, 'worker').deploy ?? { replicas: 1 };
  expect(replicas).toBeGreaterThanOrEqual(2);
  const ofWorkers = (WORKER_POOL_CONNECTIONS + STATEMENT_CONNECTIONS + 1) * replicas;
  const [ofStarter, ofServer] = [13, 21];
  expect(allowed).toBeGreaterThanOrEqual((ofWorkers + ofStarter + ofServer) * 1.5);
});

test('row changes can be read: the log says enough, a slot cannot fill the disk, and the reader has a role of its own', () => {
  const command = serviceOf(compose, 'postgres').command?.join(' ');
  expect(command).toContain('wal_level=logical');
  expect(command).toMatch(/max_slot_wal_keep_size=\d+GB/);
  expect(compose.configs['postgres-init']?.content).toContain('create role cdc login replication');
  expect(serviceOf(compose, 'cdc')).toMatchObject({ profiles: ['cdc'], depends_on: { migrate: {}, postgres: {} } });
  expect(serviceOf(compose, 'cdc').depends_on).not.toHaveProperty('temporal');
});

test('data is kept: each server has a volume of its own, and workers share the folder of blobs', () => {
  const mounts = services.flatMap(([, service]) => service.volumes.map((volume) => volume.split(':')[0]));
  expect([...new Set(mounts)].sort()).toEqual(Object.keys(compose.volumes).sort());
  // From version 18 on, the image wants the folder above the data.
  expect(serviceOf(compose, 'postgres').volumes).toEqual(['postgres:/var/lib/postgresql']);
  expect(serviceOf(compose, 'temporal-postgres').volumes).toEqual(['temporal-postgres:/var/lib/postgresql']);
  for (const name of OURS) {
    const { volumes, environment } = serviceOf(compose, name);
    expect(volumes, name).toEqual([`blobs:${environment.TIDEMARK_BLOBS}`]);
  }
  const configs = services.flatMap(([, service]) => service.configs.map(({ source }) => source));
  expect(configs.sort()).toEqual(Object.keys(compose.configs).sort());
});

/** They serve nothing else; their metrics are published on no port of this machine. */
const WATCHED = ['starter', 'worker', 'cdc'];
/** What a container is that `tidemark run` starts. */
const SERVICE_TYPE: Record<string, string> = { worker: 'worker', server: 'frontend' };

test.each(OURS)('the environment of %s is one that the settings are read from, none of it in vain', (name) => {
  const { environment } = serviceOf(compose, name);
  const config = loadConfig(environment, repository);
  expect(config).toMatchObject({
    databaseUrl: environment.DATABASE_URL,
    blobs: '/var/lib/tidemark/blobs',
    logLevel: 'info',
    uiUrl: 'http://127.0.0.1:8080',
    temporal: { configured: true, address: 'temporal:7233', namespace: 'default' },
  });
  expect(Object.keys(environment).sort()).toEqual([
    'DATABASE_URL',
    'LOG_LEVEL',
    ...(name in SERVICE_TYPE ? ['SERVICE_TYPE'] : []),
    'TEMPORAL_ADDRESS',
    'TEMPORAL_NAMESPACE',
    'TEMPORAL_UI_URL',
    'TIDEMARK_BLOBS',
    ...(name === 'server' ? ['TIDEMARK_HTTP_HOST'] : []),
    ...(WATCHED.includes(name) ? ['TIDEMARK_METRICS'] : []),
  ]);
  expect(config.jobs.serviceType).toBe(SERVICE_TYPE[name]);
  expect(config.metrics).toEqual(WATCHED.includes(name) ? { host: '0.0.0.0', port: 9464 } : undefined);
  const role = name === 'migrate' ? 'tidemark_migrator' : name === 'cdc' ? 'cdc' : 'app';
  expect(new URL(environment.DATABASE_URL ?? '')).toMatchObject({ username: role, host: 'postgres:5432', pathname: '/tidemark' });
});

test("temporal.toml's profile for compose is the server of the file", () => {
  const { temporal } = loadConfig({ TEMPORAL_PROFILE: 'compose' }, repository);
  const { environment } = serviceOf(compose, 'worker');
  expect(temporal).toMatchObject({ address: environment.TEMPORAL_ADDRESS, namespace: environment.TEMPORAL_NAMESPACE });
});

test('the image is Debian-based, runs as no root, and is what SERVICE_TYPE says', () => {
  const stages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
  expect(new Set(stages)).toEqual(new Set([expect.stringMatching(/^node:22\.\d+\.\d+-bookworm-slim$/)]));
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]')).toEqual(serviceOf(compose, 'worker').command);
  expect(dockerfile).toContain(`ENV TIDEMARK_BLOBS=${serviceOf(compose, 'worker').environment.TIDEMARK_BLOBS}`);
});

test('what the image copies is there, and not ignored', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources?.split(' ') ?? []);
  expect(copied).toContain('migrations');
  const ignore = readFileSync(`${repository}.dockerignore`, 'utf8').split('\n');
  expect(ignore).toContain('*');
  for (const source of copied) {
    expect(existsSync(`${repository}${source}`), source).toBe(true);
    expect(ignore, source).toContain(`!${source}`);
  }
});
