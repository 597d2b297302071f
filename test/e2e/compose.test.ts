/**
 * docker-compose.yml brought up without Docker: each of our services' exact command and environment as a process, with the
 * addresses of the embedded servers in place of the containers' names; then the main job, through the service `cli`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findFreePort } from '../../src/embedded/ports.ts';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findTemporalCli } from '../../src/embedded/temporal-binaries.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { createTestDirectory, removePostgresData, startTestPostgres, temporalAddress } from '../support/servers.ts';
import { loadCompose, repository, serviceOf } from './compose-file.ts';

const ROWS = 700;
const secrets = {
  POSTGRES_PASSWORD: 'superuser0',
  TIDEMARK_MIGRATOR_PASSWORD: 'migrator0',
  TIDEMARK_APP_PASSWORD: 'app0',
  TIDEMARK_CDC_PASSWORD: 'cdc0',
  TEMPORAL_POSTGRES_PASSWORD: 'temporal0',
};
// The Temporal server is that of the whole run: a namespace of its own keeps this installation apart from the others.
const namespace = `compose-${process.pid}`;
const compose = loadCompose({ ...secrets, TEMPORAL_NAMESPACE: namespace });

let directory: Awaited<ReturnType<typeof createTestDirectory>>;
let postgres: EmbeddedPostgres;
let programs: string;
const processes = new Map<string, ChildProcess>();
const output: string[] = [];

beforeAll(async () => {
  expect(existsSync(join(repository, 'dist/cli.js')), 'build first: npm run build').toBe(true);
  directory = await createTestDirectory();
  postgres = await startTestPostgres(directory.path);
  programs = join(directory.path, 'bin');
  mkdirSync(programs);
  symlinkSync((await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI })).path, join(programs, 'temporal'));
  await makeDatabase();
});

afterAll(async () => {
  for (const child of processes.values()) child.kill('SIGKILL');
  await postgres?.stop();
  if (postgres) removePostgresData(postgres);
  await directory?.remove();
});

test('the one-shot services succeed, and again when they are run again', () => {
  for (const time of ['first', 'second']) {
    expect(run('temporal-namespace'), `temporal-namespace, ${time} time`).toMatchObject({ status: 0 });
    expect(run('migrate'), `migrate, ${time} time`).toMatchObject({ status: 0 });
  }
}, 60_000);

test('starter and workers come up, and their health check passes', async () => {
  const ports = { starter: await findFreePort(), worker: await findFreePort() };
  start('starter', 'starter', ports.starter);
  start('worker', 'worker 1', ports.worker);
  start('worker', 'worker 2', await findFreePort());
  const running = () => output.filter((line) => line.includes('"msg":"running"'));
  const ended = [...processes].map(async ([name, child]) => {
    await once(child, 'exit');
    throw new Error(`${name} ended by itself: ${output.join('\n')}`);
  });
  await Promise.race([vi.waitFor(() => expect(running()).toHaveLength(3), { timeout: 40_000, interval: 100 }), ...ended]);
  for (const name of ['starter', 'worker'] as const) {
    const { test: check = [] } = serviceOf(compose, name).healthcheck ?? {};
    const at = (port: number) => check.slice(1).map((word) => word.replace('127.0.0.1:9464', `127.0.0.1:${port}`));
    expect(runCommand(at(ports[name]), environmentOf(name)), name).toMatchObject({ status: 0 });
    expect(runCommand(at(1), environmentOf(name)), name).toMatchObject({ status: 1 });
    const metrics = await (await fetch(`http://127.0.0.1:${ports[name]}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`^tidemark_process_info\\{door="${name}",version="[^"]+"\\} 1$`, 'm'));
  }
  expect(run('cli', ['doctor']).stdout).toContain('All is well.');
}, 60_000);

test('the server comes up, its health check passes, and it answers who has a token', async () => {
  const port = await findFreePort();
  start('server', 'server', port);
  await vi.waitFor(() => expect(output.filter((line) => line.includes('"address":"http'))).toHaveLength(1), {
    timeout: 20_000,
    interval: 100,
  });
  const { test: check = [] } = serviceOf(compose, 'server').healthcheck ?? {};
  const here = (command: string[]) => command.map((word) => word.replace('127.0.0.1:7420', `127.0.0.1:${port}`));
  expect(runCommand(here(check.slice(1)), environmentOf('server'))).toMatchObject({ status: 0 });
  expect(
    runCommand(
      check.slice(1).map((word) => word.replace('127.0.0.1:7420', '127.0.0.1:1')),
      environmentOf('server'),
    ),
  ).toMatchObject({ status: 1 });

  const ask = (headers: Record<string, string> = {}) => fetch(`http://127.0.0.1:${port}/session`, { headers });
  expect((await ask()).status).toBe(401);
  const { token } = JSON.parse(run('cli', ['tokens', 'create', 'composed', '--json']).stdout);
  const answer = await ask({ authorization: `Bearer ${token}` });
  expect(await answer.json()).toMatchObject({ actor: 'composed', scopes: ['read'] });
  expect(output.join('\n')).not.toContain(token);
}, 60_000);

test('a file is imported, its snapshots are made, and its cells are shown', async () => {
  const line = (row: number) => [row, `name ${row}`, row / 4];
  const file = join(directory.path, 'import.csv');
  writeFileSync(
    file,
    `${['id', 'name', 'amount'].join(',')}\n${Array.from({ length: ROWS }, (_, row) => line(row).join(',')).join('\n')}\n`,
  );
  expect(run('cli', ['import', file, '--sheet', 'composed', '--rows-per-entry', '2'])).toMatchObject({ status: 0 });

  await vi.waitFor(
    () => {
      const { groups } = JSON.parse(run('cli', ['work', '--stats', '--json']).stdout);
      const { waiting, running, dead, done } = groups.find(({ group }: { group: string }) => group === 'sheet').depth;
      expect({ waiting, running, dead }).toEqual({ waiting: 0, running: 0, dead: 0 });
      expect(done).toBeGreaterThanOrEqual(1);
    },
    { timeout: 40_000, interval: 300 },
  );
  const log = run('cli', ['log', 'composed', '--from', '0', '--limit', '1000', '--json']).stdout.trim().split('\n');
  const entries = log.map((text) => JSON.parse(text).entry);
  expect(entries.length).toBeGreaterThan(ROWS / 2);
  expect(entries.filter(({ snapshot }) => snapshot !== undefined).length).toBeGreaterThanOrEqual(1);
  expect(entries.filter(({ pending }) => pending !== undefined)).toEqual([]);

  const { values } = JSON.parse(run('cli', ['show', 'composed', `A1:C${ROWS + 1}`, '--json']).stdout);
  expect(values).toEqual([['id', 'name', 'amount'], ...Array.from({ length: ROWS }, (_, row) => line(row))]);
}, 90_000);

test("the application's role reads and writes rows, and cannot touch what holds the rules", async () => {
  const pool = createPool({ connectionString: environmentOf('worker').DATABASE_URL ?? '', max: 1 });
  try {
    await expect(pool.query('create table tidemark.mine (id integer)')).rejects.toThrow(/permission denied/);
    await expect(pool.query('drop table tidemark.work')).rejects.toThrow(/must be owner/);
    await expect(pool.query(`delete from tidemark.work_transition`)).rejects.toThrow(/permission denied/);
    const { rows } = await pool.query(
      `select rolsuper or rolcreaterole or rolcreatedb as powerful from pg_roles where rolname = current_user`,
    );
    expect(rows).toEqual([{ powerful: false }]);
  } finally {
    await pool.end();
  }
});

test('asked to stop, each process drains and ends well within its grace period', async () => {
  const ends = [...processes].map(async ([name, child]) => {
    const grace = Number.parseInt(serviceOf(compose, name.split(' ')[0] ?? name).stop_grace_period ?? '', 10) * 1_000;
    const startedAt = performance.now();
    expect(child.kill('SIGTERM'), `${name} is running`).toBe(true);
    const [code] = await once(child, 'exit');
    expect({ name, code }).toEqual({ name, code: 0 });
    expect(performance.now() - startedAt, name).toBeLessThan(grace);
  });
  expect(ends).toHaveLength(4);
  await Promise.all(ends);
}, 60_000);

/** What the image of Postgres does when its volume is empty: the database, then the script, by psql, as the superuser. */
async function makeDatabase(): Promise<void> {
  const { environment, configs } = serviceOf(compose, 'postgres');
  expect(configs[0]?.target).toMatch(/^\/docker-entrypoint-initdb\.d\/\w+\.sql$/);
  const superuser = createPool({ connectionString: postgres.url, max: 1 });
  await superuser.query(`create database "${environment.POSTGRES_DB}"`);
  await superuser.end();
  const url = new URL(postgres.url);
  url.pathname = `/${environment.POSTGRES_DB}`;
  const pool = createPool({ connectionString: url.href, max: 1 });
  await pool.query(asPsql(compose.configs[configs[0]?.source ?? '']?.content ?? '', environment));
  await pool.end();
}

/** The two things of psql that the script uses: `\getenv name VARIABLE`, and `:'name'` for its value as a literal. */
function asPsql(script: string, environment: Record<string, string>): string {
  const values = new Map<string, string>();
  const sql = script.replaceAll(/^\\getenv (\w+) (\w+)\n/gm, (_line, name: string, variable: string) => {
    values.set(name, environment[variable] ?? '');
    return '';
  });
  expect(sql).not.toContain('\\');
  return sql.replaceAll(/:'(\w+)'/g, (_match, name: string) => `'${(values.get(name) ?? '').replaceAll("'", "''")}'`);
}

/** The service's own environment and nothing else, but for where the containers would be. */
function environmentOf(name: string): Record<string, string> {
  const places: [string, string][] = [
    ['@postgres:5432/', `@127.0.0.1:${postgres.port}/`],
    ['temporal:7233', temporalAddress()],
    ['/var/lib/tidemark/blobs', join(directory.path, 'blobs')],
  ];
  const own = Object.entries(serviceOf(compose, name).environment).map(([variable, value]) => [
    variable,
    places.reduce((text, [from, to]) => text.replace(from, to), value),
  ]);
  return { PATH: `${programs}:/usr/bin:/bin`, HOME: directory.path, ...Object.fromEntries(own) };
}

function run(name: string, command = serviceOf(compose, name).command ?? []): { status: number | null; stdout: string; stderr: string } {
  return runCommand([...(serviceOf(compose, name).entrypoint ?? []), ...command], environmentOf(name));
}

function runCommand(
  [program = '', ...args]: string[],
  env: Record<string, string>,
): { status: number | null; stdout: string; stderr: string } {
  const path = program === 'node' ? process.execPath : program;
  const { status, stdout, stderr } = spawnSync(path, args, { cwd: repository, env, encoding: 'utf8', timeout: 60_000, maxBuffer: 1e8 });
  return { status, stdout, stderr };
}

function start(service: string, name: string, port?: number): void {
  const [program, ...args] = serviceOf(compose, service).command ?? [];
  expect(program).toBe('node');
  const env = {
    ...environmentOf(service),
    ...(port === undefined ? {} : { [service === 'server' ? 'TIDEMARK_HTTP_PORT' : 'TIDEMARK_METRICS']: String(port) }),
  };
  const child = spawn(process.execPath, args, { cwd: repository, env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(...text.split('\n').filter(Boolean)));
  processes.set(name, child);
}
