/** Door: the reader of row changes. Reads the write-ahead log, stores messages and deliveries; runs no work itself. */

import { loadApp } from './cli/load-app.ts';
import { type Operations, openOperations } from './cli/operations.ts';
import { runChangeReader } from './cli/run-change-reader.ts';
import { stopOnSignal, untilAborted } from './cli/stop-signal.ts';
import { findTargets } from './cli/targets.ts';
import { waitUntilReachable } from './cli/wait-until-reachable.ts';
import { requireMigrated } from './cli/with-database.ts';
import { loadConfig } from './config.ts';
import { SetupError } from './errors.ts';
import { createLogger } from './logging.ts';
import { createPool } from './postgres/pool.ts';

export interface CdcOptions {
  /** The file whose default export is the application; undefined: `tidemark.config.…` here. */
  app?: string;
  /** Brings about first what has to be. */
  apply?: boolean;
  /** A lost slot is made anew, and its gap written down. */
  recover?: boolean;
  /** What is missing, changes or tables, may come: it waits for it. */
  wait?: boolean;
}

/** It reads with one connection, stores with another, and copies a table with two. */
const POOL_CONNECTIONS = 5;

/** Runs until SIGTERM or SIGINT. @throws where the app has no changes, what has to be is not, the slot is lost, or Postgres does not answer for a minute */
export async function runCdc({ app, apply = false, recover = false, wait = false }: CdcOptions): Promise<void> {
  const config = loadConfig();
  const { databaseUrl, schema } = await findTargets(config);
  const log = createLogger({ level: config.logLevel, name: 'cdc', secrets: [] });
  const signal = stopOnSignal((name, isFirst) => log.info(isFirst ? `${name}: stopping` : `${name} again: ending now`));
  const { registry, file } = await loadApp(app, schema);
  if (wait) log.info('running');
  if (wait && registry.changes.length === 0) return untilAborted(signal);
  if (registry.changes.length === 0) {
    throw new SetupError(
      `${file ? `The app ${file} has` : 'Without an app there are'} no changes to read. Give createTidemark changes: [onChange(…)].`,
    );
  }
  const pool = createPool({
    connectionString: databaseUrl,
    max: POOL_CONNECTIONS,
    applicationName: 'tidemark cdc',
    onError: (error) => log.warn(`postgres: ${error.message}`),
  });
  let operations: Operations | undefined;
  try {
    let isReading = false;
    const onReading = (reading: boolean) => {
      if (reading && !isReading && !wait) log.info('running');
      isReading = reading;
    };
    operations = await openOperations({ door: 'cdc', config, pool, schema, log });
    await waitUntilReachable({ name: 'Postgres', probe: () => requireMigrated(pool, schema), log, signal });
    if (signal.aborted) return;
    // One that waits to take over is ready too.
    operations.started({});
    await runChangeReader({ registry, pool, databaseUrl, schema, apply, recover, wait, log, signal, onReading });
  } finally {
    await operations?.close();
    await pool.end();
  }
  log.info('stopped');
}
