/** Door: the starter loop alone. Claims from Postgres, starts executions, sweeps; runs no work. */
import type { Connection } from '@temporalio/client';
import { type Operations, openOperations } from './cli/operations.ts';
import { stopOnSignal, untilAborted } from './cli/stop-signal.ts';
import { findTargets } from './cli/targets.ts';
import { waitUntilReachable } from './cli/wait-until-reachable.ts';
import { requireMigrated } from './cli/with-database.ts';
import { loadConfig } from './config.ts';
import { createLogger } from './logging.ts';
import { createPool } from './postgres/pool.ts';
import { connectClient } from './temporal/connection.ts';
import { probeTemporal } from './temporal/probe.ts';
import { startStarter } from './temporal/start-starter.ts';

const POOL_CONNECTIONS = 12;

/** Runs until SIGTERM or SIGINT. @throws where Postgres or Temporal do not answer for a minute at the start */
export async function runStarter(): Promise<void> {
  const config = loadConfig();
  const { databaseUrl, schema, temporal } = await findTargets(config);
  const log = createLogger({ level: config.logLevel, name: 'starter', secrets: [temporal.apiKey] });
  const signal = stopOnSignal((name, isFirst) => log.info(isFirst ? `${name}: stopping` : `${name} again: ending now`));
  const pool = createPool({
    connectionString: databaseUrl,
    max: POOL_CONNECTIONS,
    applicationName: 'tidemark starter',
    onError: (error) => log.warn(`postgres: ${error.message}`),
  });
  let operations: Operations | undefined;
  try {
    operations = await openOperations({ door: 'starter', config, pool, schema, temporal, log });
    await waitUntilReachable({ name: 'Postgres', probe: () => requireMigrated(pool, schema), log, signal });
    await waitUntilReachable({ name: 'Temporal', probe: () => probeTemporal(temporal), log, signal });
    if (signal.aborted) return;
    const client = await connectClient(temporal);
    const loop = await startStarter({
      pool,
      schema,
      client,
      connectionString: databaseUrl,
      eager: false,
      garbage: config.garbage,
      ...(config.maxInFlight === undefined ? {} : { claim: { maxInFlight: config.maxInFlight } }),
      log: (level, message) => log[level](message),
      observe: operations.observe,
    });
    operations.started({});
    log.info({ schema, temporal: temporal.address, namespace: temporal.namespace }, 'running');
    await untilAborted(signal);
    await loop.stop();
    await (client.connection as Connection).close();
  } finally {
    await operations?.close();
    await pool.end();
  }
  log.info('stopped');
}
