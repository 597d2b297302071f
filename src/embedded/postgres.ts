/**
 * An embedded Postgres: real binaries from npm, a data directory, durable settings, 127.0.0.1 only.
 *
 * Promises: what it has committed survives `kill()` and the end of the machine (fsync stays on); a start on the same data
 * directory recovers. It never outlives this process. A start that fails says why in one line and leaves nothing running.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../errors.ts';
import { type ChildServer, spawnServer } from './child-server.ts';
import { findFreePort, requireFreePort } from './ports.ts';
import { choosePostgresAccount } from './postgres-account.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { placeDataDirectory, prepareDataDirectory, superuser } from './postgres-data-directory.ts';
import { killTree } from './process-tree.ts';

export interface PostgresOptions {
  /** Made where it is missing. Where the account that runs Postgres cannot reach it, another is used, and `log` told. */
  dataDir: string;
  /** Default: a free one. */
  port?: number | undefined;
  /** Server settings, as in postgresql.conf, on top of the defaults here. */
  settings?: Record<string, string | number | boolean>;
  /** Told, in one line each, what takes time or is not where it was asked for. */
  log?: (line: string) => void;
  /** How long a start may take, recovery after a crash included. Default two minutes. */
  startDeadlineMs?: number;
}

export interface EmbeddedPostgres {
  /** Of the superuser, with the password: not for a log. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where the data really is. */
  readonly dataDir: string;
  /** Resolves when the server has ended, for whatever reason, with the reason. */
  readonly exited: Promise<string>;
  /** Ends connections and shuts down in order; done when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL to the server and each of its processes, as when the machine dies; done when all have ended. */
  kill(): Promise<void>;
}

const defaultSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  // A slot that nobody reads gives up rather than fill the disk.
  max_slot_wal_keep_size: '4GB',
  max_connections: 200,
  timezone: 'UTC',
  log_timezone: 'UTC',
};

const freePortAttempts = 3;

/** @throws SetupError */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { settings = {}, log = () => {}, startDeadlineMs = 120_000 } = options;
  if (options.port !== undefined) await requireFreePort(options.port, 'Postgres');
  const account = await choosePostgresAccount(options.dataDir);
  const binaries = await findPostgresBinaries(account, log);
  const dataDir = await placeDataDirectory(options.dataDir, account, log);
  const password = await prepareDataDirectory(dataDir, binaries, account, log);

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const flags = Object.entries({ ...defaultSettings, ...settings, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = await spawnServer({
      command: binaries.postgres,
      args: ['-D', dataDir, ...flags],
      logFile: `${dataDir}.log`,
      stopSignal: 'SIGINT',
      cwd: '/',
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      account,
    });
    const failure = await untilReady(server, dataDir, startDeadlineMs);
    if (failure === undefined) {
      return {
        url: `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`,
        port,
        pid: server.pid,
        dataDir,
        exited: server.exited,
        stop: () => server.stop(30_000),
        kill: async () => {
          if (server.ended() === undefined) await killTree(server.pid);
          await server.exited;
        },
      };
    }
    const portWasTaken = server.lastLines(50).some((line) => line.includes('could not bind'));
    if (portWasTaken && options.port === undefined && attempt < freePortAttempts) continue;
    throw new SetupError(`Postgres did not start in ${dataDir}: ${failure} (its log: ${dataDir}.log).`);
  }
}

/** The server itself writes `ready` into postmaster.pid once it takes connections. Undefined when it does. */
async function untilReady(server: ChildServer, dataDir: string, deadlineMs: number): Promise<string | undefined> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const lines = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (lines[0] === String(server.pid) && lines[7]?.trim() === 'ready') return undefined;
    if (server.ended() !== undefined) {
      const fatal = server.lastLines(50).findLast((line) => /FATAL|PANIC|error/.test(line));
      return fatal?.replace(/^.*?(FATAL|PANIC):\s*/, '') ?? `it ended with ${server.ended()}`;
    }
    if (performance.now() > deadline) {
      await killTree(server.pid);
      return `it was not ready after ${Math.round(deadlineMs / 1000)} seconds`;
    }
    await delay(20);
  }
}
