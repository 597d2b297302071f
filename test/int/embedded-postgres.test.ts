import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedPostgres, type PostgresOptions, startPostgres } from '../../src/embedded/postgres.ts';
import { SetupError } from '../../src/errors.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { createTestDirectory, removePostgresData } from '../support/servers.ts';

let directory: Awaited<ReturnType<typeof createTestDirectory>>;
let dataDir: string;
const started: EmbeddedPostgres[] = [];

beforeEach(async () => {
  directory = await createTestDirectory();
  dataDir = join(directory.path, 'postgres', 'data');
});

afterEach(async () => {
  for (const postgres of started.splice(0)) {
    await postgres.kill();
    removePostgresData(postgres);
  }
  await directory.remove();
});

async function start(options: Partial<PostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const postgres = await startPostgres({ dataDir, ...options });
  started.push(postgres);
  return postgres;
}

async function query(postgres: EmbeddedPostgres, text: string): Promise<Record<string, unknown>[]> {
  const pool = createPool({ connectionString: postgres.url, max: 1 });
  try {
    return (await pool.query(text)).rows;
  } finally {
    await pool.end();
  }
}

test('it is durable, decodes its log, and listens on 127.0.0.1 alone', async () => {
  const postgres = await start();
  const settings = await query(
    postgres,
    `select name, setting from pg_settings
      where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_level', 'listen_addresses', 'unix_socket_directories')`,
  );
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    wal_level: 'logical',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  });
});

test('its password is random, asked for, readable by its account alone, and in no log', async () => {
  const lines: string[] = [];
  const postgres = await start({ log: (line) => lines.push(line) });
  const { password } = new URL(postgres.url);
  expect(password.length).toBeGreaterThanOrEqual(32);
  await expect(query({ ...postgres, url: postgres.url.replace(password, 'wrong') }, 'select 1')).rejects.toThrow(
    /password authentication failed/,
  );
  expect((await stat(`${postgres.dataDir}.password`)).mode & 0o777).toBe(0o600);
  expect(lines.join('\n') + (await readFile(`${postgres.dataDir}.log`, 'utf8'))).not.toContain(password);
});

test('what was committed is there after a stop, and after a kill of all its processes', async () => {
  const first = await start();
  await query(first, 'create table mark (n int)');
  await query(first, 'insert into mark values (1)');
  await first.stop();
  expect(await first.exited).toBe('exit code 0');

  const second = await start();
  await query(second, 'insert into mark values (2)');
  await second.kill();
  expect(await second.exited).toBe('signal SIGKILL');

  const third = await start();
  expect(await query(third, 'select n from mark order by n')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('it starts after a crash though the process id it left behind is now that of another process', async () => {
  const first = await start();
  await first.kill();
  const { uid, gid } = await stat(first.dataDir);
  const other: ChildProcess = spawn('sleep', ['60'], process.getuid?.() === 0 ? { uid, gid } : {});
  try {
    const pidFile = join(first.dataDir, 'postmaster.pid');
    const [, ...rest] = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(pidFile, [other.pid, ...rest].join('\n'));
    const second = await start();
    expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    other.kill();
  }
});

test('it runs where its account cannot reach the directory asked for, says where the data is, and finds it again', async () => {
  const closed = join(directory.path, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const lines: string[] = [];
  const options = { dataDir: join(closed, 'deep', 'data'), log: (line: string) => lines.push(line) };
  const first = await start(options);
  await query(first, 'create table mark as select 1 as n');
  await first.stop();
  const second = await start(options);
  expect(second.dataDir).toBe(first.dataDir);
  expect(await query(second, 'select n from mark')).toEqual([{ n: 1 }]);
  // Only root's Postgres has an account of its own.
  if (process.getuid?.() === 0) expect(lines.join('\n')).toContain(`the data is kept in ${first.dataDir}`);
  else expect(first.dataDir).toBe(options.dataDir);
});

describe('refused in one line that says what to do:', () => {
  async function refusal(options: Partial<PostgresOptions> = {}): Promise<string> {
    const error: unknown = await start(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SetupError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }

  test('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    expect(await refusal({ port })).toBe(
      `Port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another port for Postgres.`,
    );
    server.close();
  });

  test('a port that is none', async () => {
    expect(await refusal({ port: 70_000 })).toContain('use a whole number from 1 to 65535');
  });

  test('a data directory of another version', async () => {
    const first = await start();
    await first.stop();
    await writeFile(join(first.dataDir, 'PG_VERSION'), '15\n');
    expect(await refusal()).toMatch(/is of Postgres 15, this is Postgres 18: choose another, or move the data with pg_dump\.$/);
  });

  test('a data directory in use', async () => {
    const first = await start();
    expect(await refusal()).toBe(
      `The data directory ${first.dataDir} is in use by a running Postgres (process ${first.pid}, port ${first.port}): stop that one, or choose another data directory.`,
    );
    expect(await query(first, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('a directory of something else', async () => {
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'holiday.jpg'), '');
    expect(await refusal()).toMatch(/is not empty and not a Postgres data directory: choose another, or empty it\.$/);
    expect(await readFile(join(dataDir, 'holiday.jpg'), 'utf8')).toBe('');
  });

  test('a setting that Postgres refuses', async () => {
    expect(await refusal({ settings: { shared_buffers: 'many' } })).toMatch(/invalid value for parameter "shared_buffers": "many"/);
    expect(dirname(dataDir)).toContain(directory.path);
  });
});
