/**
 * The Temporal dev server, with or without its web UI, on 127.0.0.1, set up as Tidemark needs it.
 *
 * Its state is kept in a SQLite file where one is asked for, named after the CLI's version, because a file is not promised to
 * be readable by another; it survives SIGKILL. Losing it loses no work: the truth is in Postgres. It never outlives this process.
 * A start that fails says why in one line and leaves nothing running.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { errorMessage, SetupError } from '../errors.ts';
import { type ChildServer, spawnServer } from './child-server.ts';
import { connectOnce, findFreePort, requireFreePort } from './ports.ts';
import type { Binary } from './temporal-binaries.ts';

export interface TemporalOptions {
  /** From `findTemporalCli`. */
  cli: Binary;
  /** Where the log is, and the state unless `keepState` is false. */
  dataDir: string;
  /** Default true. Without: everything is in memory, and gone with the process. */
  keepState?: boolean;
  /** Of the gRPC endpoint. Default: a free one. */
  port?: number | undefined;
  /** Default true. */
  ui?: boolean;
  /** Default: a free one. */
  uiPort?: number | undefined;
  startDeadlineMs?: number;
}

export interface EmbeddedTemporal {
  /** host:port of the gRPC endpoint. */
  readonly address: string;
  /** Without a slash at its end; undefined without the UI. */
  readonly uiUrl: string | undefined;
  readonly pid: number;
  readonly dataFile: string | undefined;
  readonly logFile: string;
  /** Resolves when the server has ended, for whatever reason, with the reason. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
  /** SIGKILL; done when it has ended. */
  kill(): Promise<void>;
}

const searchAttributes = { LogId: 'Keyword', Kind: 'Keyword' };

/** The server's defaults are limits for shared clusters, and slow polls for many shards. */
const dynamicConfig = {
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'frontend.rps': 100_000,
  'frontend.namespaceRPS': 100_000,
  'frontend.namespaceRPS.visibility': 1_000,
  'frontend.namespaceCount': 10_000,
  'history.transferProcessorMaxPollRPS': 1_000,
  'history.transferProcessorMaxPollHostRPS': 1_000,
  'system.enableEagerWorkflowStart': true,
};

const freePortAttempts = 3;

/** @throws SetupError */
export async function startTemporal(options: TemporalOptions): Promise<EmbeddedTemporal> {
  const { cli, dataDir, keepState = true, ui = true, startDeadlineMs = 60_000 } = options;
  if (options.port !== undefined) await requireFreePort(options.port, 'the Temporal server');
  if (ui && options.uiPort !== undefined) await requireFreePort(options.uiPort, "Temporal's web UI");
  await mkdir(dataDir, { recursive: true });
  const dataFile = keepState ? join(dataDir, `temporal-${cli.version}.db`) : undefined;
  const logFile = join(dataDir, 'temporal.log');

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const uiPort = ui ? (options.uiPort ?? (await findFreePort())) : undefined;
    const server = await spawnServer({
      command: cli.path,
      args: serverArguments({ port, uiPort, dataFile }),
      logFile,
      stopSignal: 'SIGTERM',
      cwd: '/',
      env: {},
    });
    const address = `127.0.0.1:${port}`;
    const failure = await untilReady(server, port, startDeadlineMs);
    if (failure === undefined) {
      return {
        address,
        uiUrl: uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`,
        pid: server.pid,
        dataFile,
        logFile,
        exited: server.exited,
        stop: () => server.stop(10_000),
        kill: server.kill,
      };
    }
    const lines = server.lastLines(50);
    const portWasTaken = lines.some((line) => /address already in use|port already/i.test(line));
    const portsWereConfigured = options.port !== undefined && (!ui || options.uiPort !== undefined);
    if (portWasTaken && !portsWereConfigured && attempt < freePortAttempts) continue;
    const said = lines
      .findLast((line) => /error|fatal/i.test(line))
      ?.trim()
      .slice(0, 300);
    throw new SetupError(`The Temporal server did not start: ${said ?? failure} (its log: ${logFile}).`);
  }
}

function serverArguments({ port, uiPort, dataFile }: { port: number; uiPort: number | undefined; dataFile: string | undefined }): string[] {
  const ports = ['--ip', '127.0.0.1', '--port', String(port)];
  const web = uiPort === undefined ? ['--headless'] : ['--ui-ip', '127.0.0.1', '--ui-port', String(uiPort), '--ui-disable-news-fetch'];
  // Without WAL mode SQLite takes half of the server's throughput.
  const state = dataFile === undefined ? [] : ['--db-filename', dataFile, '--sqlite-pragma', 'journal_mode=WAL'];
  return [
    ...['server', 'start-dev', '--log-level', 'warn', '--disable-config-file', '--disable-config-env', ...ports, ...web, ...state],
    ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ...Object.entries(dynamicConfig).flatMap(([name, value]) => ['--dynamic-config-value', `${name}=${JSON.stringify(value)}`]),
  ];
}

/** Ready is: it answers, the default namespace is there, and so are the search attributes. Undefined when it is. */
async function untilReady(server: ChildServer, port: number, deadlineMs: number): Promise<string | undefined> {
  const deadline = performance.now() + deadlineMs;
  let last = 'no answer';
  while (server.ended() === undefined) {
    try {
      // A client that finds the port closed would wait a second before it looks again.
      await connectOnce(port);
      const connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: '2 seconds' });
      try {
        const answer = await connection.withDeadline(Date.now() + 2_000, () =>
          connection.operatorService.listSearchAttributes({ namespace: 'default' }),
        );
        if (Object.keys(searchAttributes).every((name) => name in answer.customAttributes)) return undefined;
        last = 'the search attributes are missing';
      } finally {
        await connection.close();
      }
    } catch (error) {
      last = errorMessage(error);
    }
    if (performance.now() > deadline) {
      await server.kill();
      return `it was not ready after ${Math.round(deadlineMs / 1000)} seconds (${last})`;
    }
    await delay(20);
  }
  return `it ended with ${server.ended()}`;
}
