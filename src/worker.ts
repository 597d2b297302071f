/** Door: a worker. Runs workflows and activities, with the starter loop beside them unless that runs elsewhere. */
import { openBlobStore } from './blob-store/open-blob-store.ts';
import { checkSubscriptions } from './cli/check-subscriptions.ts';
import { keepRunning } from './cli/keep-running.ts';
import { loadApp } from './cli/load-app.ts';
import { onDeadOf } from './cli/on-dead-of.ts';
import { type Operations, openOperations } from './cli/operations.ts';
import { stopOnSignal } from './cli/stop-signal.ts';
import { findTargets } from './cli/targets.ts';
import { untilIdle } from './cli/until-idle.ts';
import { waitUntilReachable } from './cli/wait-until-reachable.ts';
import { requireMigrated } from './cli/with-database.ts';
import type { WorkerOptions } from './cli/worker-door-options.ts';
import { createWorkerPools } from './cli/worker-pools.ts';
import { loadConfig } from './config.ts';
import { createLogger, linesOf } from './logging.ts';
import { inSchema } from './postgres/queryable.ts';
import { probeTemporal } from './temporal/probe.ts';
import { installRuntime } from './temporal/runtime.ts';
import { startWorker } from './temporal/start-worker.ts';

/** Runs until SIGTERM or SIGINT, then drains. @throws where the app does not load, or Postgres or Temporal do not answer for a minute */
export async function runWorker({ app, starter, apply = false, subscriptions, except, exitWhenIdle }: WorkerOptions): Promise<void> {
  const config = loadConfig();
  const targets = await findTargets(config);
  const { databaseUrl, schema, temporal } = targets;
  const log = createLogger({
    level: config.logLevel,
    name: 'worker',
    secrets: [temporal.apiKey, config.onDead?.url, config.onDead?.secret],
  });
  installRuntime({
    verbose: config.logLevel === 'trace' || config.logLevel === 'debug',
    log: (level, message, details) => log[level](details, message),
  });
  const signal = stopOnSignal((name, isFirst) => log.info(isFirst ? `${name}: draining` : `${name} again: ending now`));
  const { registry, file, blobs: ofApp } = await loadApp(app, schema);
  checkSubscriptions([...(subscriptions ?? []), ...(except ?? [])], registry.workers.keys(), 'app');
  const pools = createWorkerPools(databaseUrl, 'worker', (error) => log.warn(`postgres: ${error.message}`));
  const { pool, blobPool, statements } = pools;
  let operations: Operations | undefined;
  try {
    const blobs = ofApp ?? (await openBlobStore(targets.blobs, { pool: blobPool, schema }));
    operations = await openOperations({ door: 'worker', config, pool, schema, temporal, blobs, log });
    const { observe, started } = operations;
    await waitUntilReachable({ name: 'Postgres', probe: () => requireMigrated(pool, schema), log, signal });
    await waitUntilReachable({ name: 'Temporal', probe: () => probeTemporal(temporal), log, signal });
    if (signal.aborted) return;
    log.info({
      app: file,
      logTypes: [...registry.logTypes.keys()],
      entryWork: [...registry.entryWork.keys()],
      starter,
      subscriptions: [...registry.workers.keys()].filter((name) => subscriptions?.includes(name) ?? !except?.includes(name)),
      schema,
      temporal: temporal.address,
    });
    const ofStarter = {
      connectionString: databaseUrl,
      claim: config.maxInFlight === undefined ? {} : { maxInFlight: config.maxInFlight },
      garbage: config.garbage,
      log: (level: 'info' | 'warn', message: string) => log[level](message),
    };
    const options = {
      ...{ registry, pool, statements, schema, blobs, temporal, observe, apply },
      ...{ starter: starter && ofStarter, onDead: onDeadOf(config, targets), jobDefaults: config.jobs.defaults },
      ...{ warn: (message: string) => log.warn(message), log: linesOf(log) },
      ...(config.cacheBytes === undefined ? {} : { cacheBytes: config.cacheBytes }),
      ...(subscriptions ? { subscriptions } : {}),
      ...(except ? { except } : {}),
    };
    const until = untilIdle(inSchema(pool, schema), { seconds: exitWhenIdle, subscriptions, except, signal, log });
    await keepRunning(async () => started(await startWorker(options)), { signal: until, log });
  } finally {
    await operations?.close();
    await pools.end();
  }
  log.info('stopped');
}
