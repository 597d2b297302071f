/** Metrics and health: what /metrics says of work that was done, who may ask, and what is said while something is missing. */
import { readFileSync } from 'node:fs';
import { metrics as globalMetrics } from '@opentelemetry/api';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { checkBlobs, checkPostgres, createReadiness } from '../../src/health/readiness.ts';
import type { Caller } from '../../src/http/access.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { serveOperations } from '../../src/metrics/operations-server.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { failWork } from '../../src/work/end.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let server: TestServer;
let caller: Caller = { scopes: ['read'] };
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
  server = await startTestServer(database, { authorize: () => caller });
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** Of Prometheus text: samples by the name of their metric. */
function samplesOf(text: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const [, name = '', labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    expect(name, line).not.toBe('');
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']): [string, string] => [key, text]);
    samples.set(name, [...(samples.get(name) ?? []), { labels: Object.fromEntries(pairs), value: Number(value) }]);
  }
  return samples;
}

function sampleOf(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  return samplesOf(text)
    .get(name)
    ?.find((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))?.value;
}

function metricsOf(db = work.db) {
  const metrics = createMetrics({ door: 'worker', version: '1.2.3', db });
  endings.push(() => metrics.close());
  return metrics;
}

describe('the metrics of a worker', () => {
  test('count units by group and outcome, measure how long they took, and tell failed attempts apart', async () => {
    const metrics = metricsOf();
    const run = async (id: string, handler: () => Promise<object>, maxAttempts = 1) => {
      await work.add({ id, group: 'letters' });
      const { pool } = database;
      const options = { pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 5_000, observe: metrics.attemptEnded };
      return runUnit(await work.begin(id), { workflow: 'mail', deadlineMs: 5_000, maxAttempts, run: handler }, options);
    };
    const fails = () => Promise.reject(new Error('no'));
    await run('mail/1', async () => ({}));
    await run('mail/2', async () => ({}));
    await run('mail/3', fails);
    await run('mail/4', fails, 3);
    const text = await metrics.scrape();
    expect(sampleOf(text, 'tidemark_units_total', { group: 'letters', outcome: 'done' })).toBe(2);
    expect(sampleOf(text, 'tidemark_units_total', { group: 'letters', outcome: 'dead' })).toBe(1);
    expect(sampleOf(text, 'tidemark_failed_attempts_total', { group: 'letters' })).toBe(1);
    expect(sampleOf(text, 'tidemark_unit_duration_seconds_count', { group: 'letters' })).toBe(3);
    expect(sampleOf(text, 'tidemark_unit_duration_seconds_bucket', { group: 'letters', le: '+Inf' })).toBe(3);
    expect(sampleOf(text, 'tidemark_process_info', { door: 'worker', version: '1.2.3' })).toBe(1);
    expect(sampleOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
  });

  test('read depths, ages and what the sweep found from Postgres when they are asked for, at most once a second', async () => {
    await work.clear();
    await work.add({ id: 'mail/1', group: 'letters', notBefore: new Date(Date.now() - 90_000), key: 'k' });
    await work.add({ id: 'mail/2', group: 'letters', key: 'k' });
    await work.add({ id: 'mail/3', group: 'parcels' });
    await failWork(work.db, await work.begin('mail/3'), { code: 'x', message: 'x' }, { dead: true });
    await work.db.query(`update tidemark.work set state = 'ready' where id = 'mail/1'`);
    await work.db.query(`update tidemark.sweep_counter set value = 3 where name = 'gone_execution'`);
    let statements = 0;
    const counting = inSchema({
      query(text, values) {
        statements += 1;
        return database.pool.query(text, values);
      },
    });
    const metrics = metricsOf(counting);
    const text = await metrics.scrape();
    expect(sampleOf(text, 'tidemark_queue_depth', { group: 'letters', state: 'waiting' })).toBe(2);
    expect(sampleOf(text, 'tidemark_queue_depth', { group: 'letters', state: 'dead' })).toBe(0);
    expect(sampleOf(text, 'tidemark_queue_depth', { group: 'parcels', state: 'dead' })).toBe(1);
    expect(sampleOf(text, 'tidemark_oldest_waiting_seconds', { group: 'letters' })).toBeGreaterThanOrEqual(90);
    expect(sampleOf(text, 'tidemark_oldest_waiting_seconds', { group: 'parcels' })).toBe(0);
    expect(sampleOf(text, 'tidemark_sweep_total', { found: 'gone_execution' })).toBe(3);
    expect(sampleOf(text, 'tidemark_missing_blobs')).toBe(0);
    expect(sampleOf(text, 'tidemark_postgres_up')).toBe(1);
    const asked = statements;
    expect(asked).toBeGreaterThan(0);
    await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()]);
    expect(statements).toBe(asked);
  });

  test('are there without Postgres, and say that it is not', async () => {
    const pool = createPool({ connectionString: 'postgres://nobody@127.0.0.1:1/none', connectionTimeoutMs: 500 });
    endings.push(() => pool.end());
    const text = await metricsOf(inSchema(pool)).scrape();
    expect(sampleOf(text, 'tidemark_postgres_up')).toBe(0);
    expect(sampleOf(text, 'tidemark_queue_depth')).toBeUndefined();
    expect(sampleOf(text, 'tidemark_process_info')).toBe(1);
  });

  test('go to the provider that the application has registered too', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })] });
    globalMetrics.setGlobalMeterProvider(provider);
    endings.push(async () => {
      globalMetrics.disable();
      await provider.shutdown();
    });
    const metrics = metricsOf();
    metrics.attemptEnded({ group: 'letters', outcome: 'done', durationMs: 250 });
    await provider.forceFlush();
    const names = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics.map((one) => one.descriptor.name)));
    expect(names).toEqual(expect.arrayContaining(['tidemark_units_total', 'tidemark_unit_duration_seconds', 'tidemark_queue_depth']));
    expect(sampleOf(await metrics.scrape(), 'tidemark_units_total', { group: 'letters', outcome: 'done' })).toBe(1);
  });
});

describe('the server', () => {
  test('shows its metrics to whoever may read all logs: requests by method, route and status', async () => {
    await server.request('GET', '/logs/nowhere');
    await server.request('GET', '/logs/nowhere-either');
    await server.request('GET', '/nothing/here');
    const { status, headers, body } = await server.request('GET', '/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const name = 'http_server_request_duration_seconds_count';
    expect(sampleOf(body, name, { method: 'GET', route: '/logs/:logId', status: '404' })).toBe(2);
    expect(sampleOf(body, name, { method: 'GET', route: 'none', status: '404' })).toBe(1);
    expect(sampleOf(body, 'tidemark_event_streams')).toBe(0);
    expect(body).not.toContain('nowhere');
    caller = { scopes: ['read'], logPrefixes: ['mine-'] };
    expect(await server.request('GET', '/metrics')).toMatchObject({ status: 403 });
    caller = { scopes: ['write'] };
    expect(await server.request('GET', '/metrics')).toMatchObject({ status: 403 });
    caller = { scopes: ['read'] };
  });

  test('counts who follows a log while they do, and measures no request by how long that was', async () => {
    await work.log('followed');
    const streams = async () => sampleOf((await server.request('GET', '/metrics')).body, 'tidemark_event_streams');
    const stop = new AbortController();
    endings.push(async () => stop.abort());
    const response = await fetch(`${server.url}/logs/followed/events`, { signal: stop.signal });
    expect(response.status).toBe(200);
    expect(await streams()).toBe(1);
    stop.abort();
    await until('it is not counted any more', async () => (await streams()) === 0);
    await server.request('GET', '/logs/nowhere/events');
    const samples = samplesOf((await server.request('GET', '/metrics')).body).get('http_server_request_duration_seconds_count');
    const ofStreams = samples?.filter(({ labels }) => labels.route === '/logs/:logId/events').map(({ labels }) => labels.status);
    expect(ofStreams).toEqual(['404']);
  });

  test('says to anybody that it is alive, and that it is ready', async () => {
    expect(await server.request('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'live' } });
    expect(await server.request('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } });
  });
});

describe('readiness', () => {
  test('names what is missing and not where it is, and is there again when that is', async () => {
    const pool = createPool({ connectionString: 'postgres://nobody:hunter2@127.0.0.1:1/none', connectionTimeoutMs: 500 });
    endings.push(() => pool.end());
    const blobs = createMemoryBlobStore();
    let isDown = true;
    const logged: string[] = [];
    const readiness = createReadiness(
      [
        checkPostgres(pool, 'tidemark'),
        { name: 'migrations', look: checkPostgres(database.pool, 'elsewhere').look },
        { name: 'temporal', look: async () => isDown && Promise.reject(new Error('connect ECONNREFUSED 10.0.0.3:7233')) },
        checkBlobs(blobs),
      ],
      { warn: (message) => logged.push(message) },
    );
    const missing = await readiness();
    expect(missing).toEqual(['postgres: does not answer', 'migrations: needs setup', 'temporal: does not answer']);
    expect(logged.toSorted()).toEqual([
      expect.stringMatching(/^migrations is missing: There is no Tidemark in schema 'elsewhere'.*tidemark migrate/),
      expect.stringMatching(/^postgres is missing: .*ECONNREFUSED/),
      'temporal is missing: connect ECONNREFUSED 10.0.0.3:7233',
    ]);
    const hanging = createReadiness([{ name: 'slow', look: () => new Promise(() => {}) }, checkBlobs(blobs)], { lookMs: 50 });
    expect(await hanging()).toEqual(['slow: does not answer']);
    isDown = false;
    await until('it looks again', async () => !(await readiness()).includes('temporal: does not answer'));
    expect(logged, 'what is known is not said again').toHaveLength(3);
  });

  test('of a process that serves nothing else is asked over HTTP, beside its metrics', async () => {
    let missing = ['temporal: does not answer'];
    const operations = await serveOperations({ host: '127.0.0.1', port: 0, metrics: metricsOf(), readiness: async () => missing });
    endings.push(() => operations.close());
    const ask = async (path: string, method = 'GET') => {
      const response = await fetch(`${operations.url}${path}`, { method });
      return { status: response.status, body: await response.text() };
    };
    expect(await ask('/health/ready')).toEqual({ status: 503, body: '{"status":"not ready","missing":["temporal: does not answer"]}' });
    expect(await ask('/health/live')).toEqual({ status: 200, body: '{"status":"live"}' });
    missing = [];
    expect(await ask('/health/ready')).toEqual({ status: 200, body: '{"status":"ready"}' });
    expect(sampleOf((await ask('/metrics')).body, 'tidemark_process_info')).toBe(1);
    expect(await ask('/metrics', 'POST')).toMatchObject({ status: 405 });
    expect(await ask('/work')).toMatchObject({ status: 404 });
    const port = Number(new URL(operations.url).port);
    await expect(serveOperations({ host: '127.0.0.1', port, metrics: metricsOf(), readiness: async () => [] })).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port} for metrics (EADDRINUSE): set TIDEMARK_METRICS`,
    );
  });
});

describe('what is shipped for Prometheus and Grafana', () => {
  const shipped = (name: string) => readFileSync(new URL(`../../docs/operations/${name}`, import.meta.url), 'utf8');

  /** Names in what PromQL says, without its own words and the labels. */
  const namesIn = (expression: string): string[] => {
    const bare = expression.replaceAll(/\{[^}]*\}|"[^"]*"|\b(by|without|on|ignoring|group_left|group_right) ?\([^)]*\)|\[[^\]]*\]/g, ' ');
    return [...bare.matchAll(/\b(tidemark_\w+|http_\w+|process_\w+|nodejs_\w+)\b/g)].map((match) => match[1] as string);
  };

  test('names only metrics and labels that are there', async () => {
    await database.ownerPool.query(`insert into tidemark.change_slot (name, publication, checkpoint) values ('gone', 'gone', '0/1')`);
    const metrics = metricsOf();
    for (const outcome of ['done', 'dead', 'failed'] as const) metrics.attemptEnded({ group: 'letters', outcome, durationMs: 10 });
    const ofServer = (await server.request('GET', '/metrics')).body;
    const known = new Map([...samplesOf(await metrics.scrape()), ...samplesOf(ofServer)]);
    for (const [name, samples] of samplesOf(await metrics.scrape())) known.set(name, samples);
    const rules = parse(shipped('alerts.yaml')).groups.flatMap((group: { rules: { alert: string; expr: string }[] }) => group.rules);
    const board = JSON.parse(shipped('grafana-board.json'));
    const ofBoard = board.panels.flatMap((panel: { targets?: { expr: string }[] }) => (panel.targets ?? []).map(({ expr }) => expr));
    const expressions: string[] = [...rules.map(({ expr }: { expr: string }) => expr), ...ofBoard];
    expect(rules.length).toBeGreaterThanOrEqual(8);
    expect(ofBoard.length).toBeGreaterThanOrEqual(10);
    for (const expression of expressions) {
      const names = namesIn(expression);
      expect(names.length, expression).toBeGreaterThan(0);
      for (const name of names) {
        expect(known.has(name), `${name} in ${expression}`).toBe(true);
      }
      for (const [, name = '', matchers = ''] of expression.matchAll(/\b(\w+)\{([^}]*)\}/g)) {
        for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
          const labels = new Set((known.get(name) ?? []).flatMap((sample) => Object.keys(sample.labels)));
          expect(label === 'job' || labels.has(label), `${label} of ${name} in ${expression}`).toBe(true);
        }
      }
    }
  });

  test('says with each alert what it means and what to do', () => {
    for (const { rules } of parse(shipped('alerts.yaml')).groups) {
      for (const rule of rules) {
        expect(rule, rule.alert).toMatchObject({
          alert: expect.stringMatching(/^Tidemark[A-Z]/),
          for: expect.stringMatching(/^\d+[smh]$/),
          labels: { severity: expect.stringMatching(/^(page|ticket)$/) },
          annotations: { summary: expect.any(String), description: expect.stringContaining('tidemark ') },
        });
      }
    }
  });
});
