import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.ts';
import type { EmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { createFolder, type RunningCli, runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTestDirectory, removePostgresData, startTestPostgres, startTestTemporal, temporalAddress } from '../support/servers.ts';

const app = `
const registry = {
  logTypes: new Map(),
  entryWork: new Map([['stamp', {
    name: 'stamp',
    async handler({ logId, sequenceId }, { db }) {
      await db.query('insert into stamps (log_id, sequence_id, pid) values ($1, $2, $3)', [logId, sequenceId.toString(), process.pid]);
      return { result: { stamped: true } };
    },
  }], ['hang', {
    name: 'hang',
    deadlineMs: 60_000,
    async handler() {
      console.log('hanging');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    },
  }]]),
  topics: {},
  workers: new Map(),
  changes: [],
};
export default { registry, schema: 'tidemark' };
`;

let folder: ReturnType<typeof createFolder>;
const running: RunningCli[] = [];

function start(args: string[], env: Record<string, string>): RunningCli {
  const cli = startCli(args, { cwd: folder.path, env, timeoutMs: 120_000 });
  running.push(cli);
  return cli;
}

const worker = (env: Record<string, string>, ...args: string[]) => start(['worker', '--app', 'app.mjs', ...args], env);

async function until<T>(look: () => Promise<T>, isReached: (value: T) => boolean, deadlineMs = 30_000): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await look();
    if (isReached(value)) return value;
    if (performance.now() > deadline) throw new Error(`it is still ${JSON.stringify(value)}`);
    await delay(50);
  }
}

beforeAll(() => {
  folder = createFolder();
  writeFileSync(join(folder.path, 'app.mjs'), app);
});
afterEach(async () => {
  for (const cli of running.splice(0)) {
    cli.child.kill('SIGKILL');
    await cli.ended;
  }
});
afterAll(() => folder.remove());

/** Without an app, so that the blobs are where the settings say. */
test('a worker and a command whose blobs are in the database keep them there, and make no folder', async () => {
  const database = await createTestDatabase();
  const place = createFolder();
  const env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporalAddress(), TIDEMARK_BLOBS: 'postgres:' };
  try {
    const cli = startCli(['worker'], { cwd: place.path, env, timeoutMs: 120_000 });
    running.push(cli);
    await cli.waitFor('"msg":"running"', 60_000);
    const rows = Array.from({ length: 30_000 }, (_, row) => `${row},name ${row}`).join('\n');
    const imported = await runCli(['import', '-', '--sheet', 'prices'], { cwd: place.path, env, input: `id,name\n${rows}\n` });
    expect({ code: imported.code, stderr: imported.stderr.includes('tidemark: ') }).toEqual({ code: 0, stderr: false });
    await database.pool.query(`select tidemark.append_entries('prices', null, '{SetCellValueAndFormat}',
      '{"{\\"row\\":0,\\"column\\":5,\\"value\\":1}"}', null, null, '{snapshot}')`);
    await until(
      async () => (await database.pool.query(`select count(*)::integer as n from tidemark.entries where snapshot is not null`)).rows[0].n,
      (count) => count > 0,
    );
    const { rows: blobs } = await database.pool.query('select distinct directory from tidemark.blob');
    expect(blobs).toEqual([{ directory: ['prices'] }]);
    const shown = await runCli(['show', 'prices', 'A30000:B30001', '--json'], { cwd: place.path, env });
    expect(JSON.parse(shown.stdout).values).toEqual([
      [29_998, 'name 29998'],
      [29_999, 'name 29999'],
    ]);
    expect(existsSync(join(place.path, '.tidemark'))).toBe(false);
    expect(existsSync(join(place.path, 'postgres:'))).toBe(false);
  } finally {
    for (const cli of running.splice(0)) {
      cli.child.kill('SIGKILL');
      await cli.ended;
    }
    await database.drop();
    place.remove();
  }
});

/** An entry that asks for work, and its unit's state. */
async function append(pool: Pool, log: string, pending: string): Promise<() => Promise<string | undefined>> {
  const { rows } = await pool.query(
    `select next_sequence_id - 1 as id from tidemark.append_entries($1, null, '{A}', '{"{}"}', null, null, array[$2])`,
    [log, pending],
  );
  const id = `${pending}/${log}/${rows[0].id}`;
  return async () => (await pool.query('select state from tidemark.work where id = $1', [id])).rows[0]?.state;
}

const PREPARE = `
  create table stamps (log_id text, sequence_id bigint, pid integer);
  insert into tidemark.logs (id, type) values ('l', 'demo');
  insert into tidemark.workflow_name (name) values ('stamp'), ('hang');`;

describe('a worker', () => {
  let database: TestDatabase;
  let env: Record<string, string>;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.ownerPool.query(`${PREPARE} grant all on stamps to tidemark_app;`);
    env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporalAddress() };
  });
  afterAll(() => database.drop());

  test('carries out work of the app, logs lines of JSON without secrets, and drains at SIGTERM', async () => {
    const cli = worker(env);
    await cli.waitFor('"msg":"running"', 60_000);
    const state = await append(database.ownerPool, 'l', 'stamp');
    await until(state, (value) => value === 'done');
    const { rows } = await database.ownerPool.query('select pid from stamps');
    expect(rows).toEqual([{ pid: cli.child.pid }]);
    cli.child.kill('SIGTERM');
    const { code, stdout, stderr } = await cli.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const messages = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).msg);
    expect(messages.slice(-3)).toEqual(['SIGTERM: draining', 'draining', 'stopped']);
    expect(stdout).not.toContain(new URL(database.appUrl).password);
  });

  test('is ended at once by a second signal', async () => {
    const cli = worker(env);
    await cli.waitFor('"msg":"running"', 60_000);
    await append(database.ownerPool, 'l', 'hang');
    await cli.waitFor('hanging');
    cli.child.kill('SIGINT');
    await cli.waitFor('SIGINT: draining');
    // At once it is the same Ctrl-C, passed on by npm.
    cli.child.kill('SIGINT');
    await delay(1_000);
    expect(cli.child.exitCode).toBeNull();
    const askedAgainAt = performance.now();
    cli.child.kill('SIGINT');
    expect((await cli.ended).code).toBe(130);
    expect(performance.now() - askedAgainAt).toBeLessThan(2_000);
    await database.ownerPool.query(`delete from tidemark.work; delete from tidemark.entries`);
  });

  test('without its starter starts nothing; tidemark starter does', async () => {
    const alone = worker(env, '--no-starter');
    await alone.waitFor('"msg":"running"', 60_000);
    const state = await append(database.ownerPool, 'l', 'stamp');
    // Longer than ten polls of a starter.
    await delay(2_500);
    expect(await state()).toBe('ready');
    const starter = start(['starter'], env);
    await starter.waitFor('"msg":"running"', 60_000);
    await until(state, (value) => value === 'done');
    starter.child.kill('SIGTERM');
    expect(await starter.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test.each(['worker', 'starter'])('(%s) waits for a database that is not there yet, and can be stopped meanwhile', async (command) => {
    const cli = start([command], { ...env, DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/x' });
    const seen = await cli.waitFor('Postgres does not answer yet, trying again: Nothing answers at 127.0.0.1:1');
    expect(seen).not.toContain('hunter2');
    await delay(500);
    cli.child.kill('SIGTERM');
    expect((await cli.ended).code).toBe(0);
  });

  test('does not wait for what waiting cannot mend', async () => {
    const url = new URL(database.appUrl);
    url.password = 'wrong';
    const refused = await runCli(['worker'], { cwd: folder.path, env: { ...env, DATABASE_URL: url.href } });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^tidemark: Postgres refuses to let this user in[^\n]+\n$/) });
    const unmigrated = await runCli(['starter'], { cwd: folder.path, env: { ...env, TIDEMARK_SCHEMA: 'nowhere' } });
    expect(unmigrated).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^tidemark: There is no Tidemark in schema 'nowhere'[^\n]+\n$/),
    });
  });
});

describe('outages', () => {
  let directory: Awaited<ReturnType<typeof createTestDirectory>>;
  let postgres: EmbeddedPostgres;
  let temporal: EmbeddedTemporal;
  let pool: Pool;
  beforeAll(async () => {
    directory = await createTestDirectory();
    [postgres, temporal] = await Promise.all([startTestPostgres(directory.path), startTestTemporal(directory.path)]);
    expect((await runCli(['migrate'], { env: { DATABASE_URL: postgres.url } })).code).toBe(0);
    pool = createPool({ connectionString: postgres.url, max: 2 });
    await pool.query(PREPARE);
  }, 120_000);
  afterAll(async () => {
    await pool.end();
    await Promise.all([postgres.stop(), temporal.stop()]);
    removePostgresData(postgres);
    await directory.remove();
  });

  test('of Postgres and of Temporal while it runs do not end a worker: it goes on when they are back', async () => {
    const cli = worker({ DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address });
    await cli.waitFor('"msg":"running"', 60_000);

    await postgres.kill();
    await delay(3_000);
    postgres = await startTestPostgres(directory.path, { port: postgres.port });
    const afterPostgres = await append(pool, 'l', 'stamp');
    await until(afterPostgres, (value) => value === 'done', 60_000);

    const port = Number(temporal.address.split(':')[1]);
    await temporal.kill();
    const whileAway = await append(pool, 'l', 'stamp');
    await delay(3_000);
    expect(await whileAway()).not.toBe('done');
    temporal = await startTestTemporal(directory.path, { port });
    await until(whileAway, (value) => value === 'done', 60_000);

    expect(cli.child.exitCode).toBeNull();
    const { rows } = await pool.query('select count(*)::integer as count, count(distinct pid)::integer as pids from stamps');
    expect(rows).toEqual([{ count: 2, pids: 1 }]);
    cli.child.kill('SIGTERM');
    expect((await cli.ended).code).toBe(0);
  }, 180_000);
});
