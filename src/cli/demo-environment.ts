/**
 * Where a demonstration plays: on the servers of a running `tidemark dev`, else on temporary ones, and always in a schema of its own
 * with its own task queue, so that nobody else's worker takes part. Gone when it is over.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { migrate } from '../postgres/migrate.ts';
import { createPool, type Pool } from '../postgres/pool.ts';
import { quoteSchema } from '../postgres/queryable.ts';
import { type DevEnvironment, readDevFile, writeDevFile } from './dev-file.ts';
import { startDevServers } from './dev-servers.ts';
import type { Screen } from './screen.ts';

const SCHEMA = 'tidemark_demo';

export interface DemoEnvironment extends DevEnvironment {
  /** Variables with which `tidemark worker` finds this environment and no other. */
  variables: Record<string, string>;
  folder: string;
  /** Its servers end with it. */
  isTemporary: boolean;
  end(): Promise<void>;
}

export async function openDemoEnvironment(config: Config, screen: Screen): Promise<DemoEnvironment> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-demo-'));
  // The account that Postgres runs as has to get in.
  await chmod(folder, 0o755);
  const cleanups: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 3 })];
  const end = async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  };
  try {
    const ofDev = await readDevFile(config.dataDir);
    let environment = ofDev;
    if (environment) {
      screen.done(`On the servers of tidemark dev (process ${environment.pid})`);
    } else {
      const servers = await startDevServers(ownServers(config, folder), screen);
      cleanups.push(() => servers.stop());
      environment = servers.environment;
    }
    const pool = createPool({ connectionString: environment.databaseUrl, max: 1, applicationName: 'tidemark demo' });
    cleanups.push(() => pool.end());
    await dropSchema(pool);
    cleanups.push(() => dropSchema(pool));
    await migrate({ connectionString: environment.databaseUrl, schema: SCHEMA });
    // The server shows what is in dev's own schema.
    const { serverUrl: _, ...shared } = environment;
    const own = { ...shared, pid: process.pid, schema: SCHEMA, blobs: join(folder, 'blobs') };
    await writeDevFile(folder, own);
    return { ...own, folder, isTemporary: ofDev === undefined, end, variables: { ...NOT_CONFIGURED, TIDEMARK_DATA: folder } };
  } catch (error) {
    await end();
    throw error;
  }
}

/** An empty variable counts as one that is not set. */
const NOT_CONFIGURED = { DATABASE_URL: '', TEMPORAL_ADDRESS: '', TEMPORAL_PROFILE: '', TEMPORAL_CONFIG_FILE: '', TIDEMARK_BLOBS: '' };

function ownServers(config: Config, dataDir: string): Config {
  return {
    ...config,
    dataDir,
    databaseUrl: undefined,
    blobs: undefined,
    ports: { postgres: undefined, temporal: undefined, ui: undefined },
    temporal: { ...config.temporal, configured: false },
  };
}

async function dropSchema(pool: Pool): Promise<void> {
  await pool.query(`drop schema if exists ${quoteSchema(SCHEMA)} cascade`);
}
