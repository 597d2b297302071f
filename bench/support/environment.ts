/**
 * The servers of a run: an embedded Postgres and a Temporal dev server in a temporary folder, each started by the first figure that asks for it,
 * all stopped and removed at the end. Figures work in databases of their own, and connect as an application does.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { STATEMENT_CONNECTIONS } from '../../src/cli/worker-pools.ts';
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts';
import { type EmbeddedTemporal, startTemporal } from '../../src/embedded/temporal.ts';
import { findTemporalCli } from '../../src/embedded/temporal-binaries.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { type Database, inSchema } from '../../src/postgres/queryable.ts';
import type { TemporalOptions } from '../../src/temporal/connection.ts';

export interface BenchDatabase {
  /** Connects as the application does. */
  readonly url: string;
  readonly pool: Pool;
  /** Beside it, as a worker has it. */
  readonly statements: Pool;
  readonly db: Database;
  /** The superuser's: to fill tables and to look. */
  readonly owner: Pool;
}

export interface Environment {
  /** A migrated database; dropped by `close`. */
  database(options?: { connections?: number }): Promise<BenchDatabase>;
  temporal(): Promise<TemporalOptions>;
  /** An empty folder. */
  folder(): Promise<string>;
  /** A line of progress. */
  say(line: string): void;
  close(): Promise<void>;
}

const APP_ROLE = 'tidemark_bench_app';
const MAX_CONNECTIONS = 60;
/** What a server in use has: with the default of 128 MB every figure over millions of rows would be one of the disk. */
const SERVER_SETTINGS = { shared_buffers: '1GB' };

export function createEnvironment(say: (line: string) => void): Environment {
  const pools: Pool[] = [];
  let root: Promise<string> | undefined;
  let postgres: Promise<EmbeddedPostgres> | undefined;
  let temporal: Promise<EmbeddedTemporal> | undefined;
  let folders = 0;
  let closing: Promise<void> | undefined;

  const rootFolder = () => {
    root ??= mkdtemp(join(tmpdir(), 'tidemark-bench-')).then(async (path) => {
      await chmod(path, 0o755);
      return path;
    });
    return root;
  };
  const runningPostgres = () => {
    postgres ??= rootFolder().then((folder) => startPostgres({ dataDir: join(folder, 'postgres', 'data'), settings: SERVER_SETTINGS }));
    return postgres;
  };
  const runningTemporal = () => {
    temporal ??= (async () => {
      const cli = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI });
      return startTemporal({ cli, dataDir: join(await rootFolder(), 'temporal'), ui: false });
    })();
    return temporal;
  };
  const open = (connectionString: string, max: number) => {
    const pool = createPool({ connectionString, max, applicationName: 'tidemark bench' });
    pools.push(pool);
    return pool;
  };

  return {
    say,
    async database({ connections = MAX_CONNECTIONS } = {}) {
      const { url } = await runningPostgres();
      const name = `bench_${randomBytes(4).toString('hex')}`;
      const server = open(url, 1);
      await server.query(`create database ${name}`);
      const ownerUrl = urlOf(url, { database: name });
      await migrate({ connectionString: ownerUrl });
      const { rows } = await server.query('select 1 from pg_roles where rolname = $1', [APP_ROLE]);
      if (rows.length === 0) {
        await server.query(`create role ${APP_ROLE} login password '${new URL(url).password}' in role tidemark_app`);
      }
      const appUrl = urlOf(url, { database: name, user: APP_ROLE });
      const pool = open(appUrl, connections);
      return { url: appUrl, pool, statements: open(appUrl, STATEMENT_CONNECTIONS), db: inSchema(pool), owner: open(ownerUrl, 12) };
    },
    temporal: async () => ({ address: (await runningTemporal()).address, namespace: 'default' }),
    async folder() {
      folders += 1;
      return join(await rootFolder(), `folder-${folders}`);
    },
    /** Idempotent: an interrupt may come while a run that failed closes. */
    close: () => (closing ??= close()),
  };

  async function close(): Promise<void> {
    await Promise.all(pools.map((pool) => pool.end()));
    const servers = await Promise.allSettled([postgres, temporal]);
    await Promise.all(servers.map((server) => (server.status === 'fulfilled' ? server.value?.stop() : undefined)));
    const dataDir = postgres && (await postgres.then((server) => server.dataDir).catch(() => undefined));
    const folders = [root && (await root), dataDir && dirname(dataDir)].filter((path) => path !== undefined);
    await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true, maxRetries: 3 })));
  }
}

function urlOf(postgresUrl: string, { database, user }: { database: string; user?: string }): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${database}`;
  if (user !== undefined) {
    url.username = user;
  }
  return url.href;
}
