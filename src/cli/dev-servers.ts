/**
 * The servers of `tidemark dev`: its own Postgres and Temporal with their data under the data folder, except where DATABASE_URL
 * or TEMPORAL_ADDRESS names one that is there.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, DEFAULT_HTTP_PORT } from '../config.ts';
import { findFreePort, isFreePort, requireFreePort } from '../embedded/ports.ts';
import { startPostgres } from '../embedded/postgres.ts';
import { startTemporal } from '../embedded/temporal.ts';
import { findTemporalCli } from '../embedded/temporal-binaries.ts';
import { maskSecrets } from '../logging.ts';
import type { DevEnvironment } from './dev-file.ts';
import type { Screen } from './screen.ts';
import { defaultBlobsDir } from './targets.ts';

export interface DevServers {
  environment: DevEnvironment & { serverUrl: string };
  /** Settles when one of them has ended by itself, with which and why. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

interface Server {
  exited: Promise<string>;
  stop(): Promise<void>;
}

/** All or none: where one does not start, the other is stopped. @throws SetupError */
export async function startDevServers(config: Config, screen: Screen): Promise<DevServers> {
  await requireFreePorts(config);
  await mkdir(config.dataDir, { recursive: true });
  // Nothing below belongs into a repository.
  await writeFile(join(config.dataDir, '.gitignore'), '*\n');
  const running: Record<string, Server> = {};
  const stop = async () => {
    await Promise.all(Object.values(running).map((server) => server.stop()));
  };
  try {
    const databaseUrl = config.databaseUrl ?? (await startOwnPostgres(config, screen, running));
    const temporal = config.temporal.configured ? { address: config.temporal.address } : await startOwnTemporal(config, screen, running);
    if (config.databaseUrl) screen.done(`Postgres: ${maskSecrets(config.databaseUrl)} (DATABASE_URL)`);
    if (config.temporal.configured) screen.done(`Temporal: ${config.temporal.address} (configured)`);
    return {
      environment: {
        pid: process.pid,
        databaseUrl,
        temporalAddress: temporal.address,
        namespace: config.temporal.configured ? config.temporal.namespace : 'default',
        schema: config.schema,
        blobs: config.blobs ?? defaultBlobsDir(config),
        ...('uiUrl' in temporal ? { uiUrl: temporal.uiUrl } : {}),
        serverUrl: await serverAddress(config),
      },
      ended: Promise.race(Object.entries(running).map(([name, { exited }]) => exited.then((reason) => `${name} has ended (${reason})`))),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Before the first of them is set up. */
async function requireFreePorts({ databaseUrl, temporal, ports, http }: Config): Promise<void> {
  const wanted = [
    ...(databaseUrl ? [] : ([[ports.postgres, 'Postgres']] as const)),
    ...(temporal.configured
      ? []
      : ([
          [ports.temporal, 'the Temporal server'],
          [ports.ui, "Temporal's web UI"],
        ] as const)),
  ];
  if (http.port) await requireFreePort(http.port, 'the HTTP server (TIDEMARK_HTTP_PORT)');
  for (const [port, wantedFor] of wanted) {
    if (port !== undefined) await requireFreePort(port, wantedFor);
  }
}

/** Where the HTTP server will be: the port that is set, else the usual one where it is free. */
async function serverAddress({ http: { host, port, basePath } }: Config): Promise<string> {
  const chosen = port || (port === undefined && (await isFreePort(DEFAULT_HTTP_PORT)) ? DEFAULT_HTTP_PORT : await findFreePort());
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${chosen}${basePath}`;
}

async function startOwnPostgres(config: Config, screen: Screen, running: Record<string, Server>): Promise<string> {
  const startedAt = performance.now();
  const activity = screen.begin('Starting Postgres');
  try {
    const postgres = await startPostgres({
      dataDir: join(config.dataDir, 'postgres', 'data'),
      port: config.ports.postgres,
      log: (line) => activity.update(line),
    });
    running.Postgres = postgres;
    activity.done(`Postgres on port ${postgres.port}, data in ${postgres.dataDir} (${seconds(startedAt)})`);
    return postgres.url;
  } catch (error) {
    activity.clear();
    throw error;
  }
}

async function startOwnTemporal(
  config: Config,
  screen: Screen,
  running: Record<string, Server>,
): Promise<{ address: string; uiUrl: string }> {
  const startedAt = performance.now();
  const activity = screen.begin('Starting Temporal');
  try {
    const cli = await findTemporalCli({ configuredPath: config.temporalCli, log: (line) => activity.update(line) });
    const temporal = await startTemporal({
      cli,
      dataDir: join(config.dataDir, 'temporal'),
      port: config.ports.temporal,
      uiPort: config.ports.ui,
    });
    running.Temporal = temporal;
    activity.done(`Temporal at ${temporal.address}, CLI ${cli.version} (${cli.source}), web UI ${temporal.uiUrl} (${seconds(startedAt)})`);
    return { address: temporal.address, uiUrl: temporal.uiUrl as string };
  } catch (error) {
    activity.clear();
    throw error;
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}
