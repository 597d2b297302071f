/** What a worker or starter shows of itself: metrics, and over HTTP, where TIDEMARK_METRICS says so, also whether it is alive and can do its work. */
import type { BlobStore } from '../blob-store/blob-store.ts';
import type { Config } from '../config.ts';
import { SetupError } from '../errors.ts';
import { type Check, checkBlobs, checkPostgres, createReadiness } from '../health/readiness.ts';
import type { Logger } from '../logging.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { serveOperations } from '../metrics/operations-server.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { TemporalOptions } from '../temporal/connection.ts';
import { probeTemporal } from '../temporal/probe.ts';
import { readVersion } from '../version.ts';
import type { ObserveEnd } from '../work/observe.ts';

export interface OperationsOptions {
  door: 'worker' | 'starter' | 'cdc';
  config: Pick<Config, 'metrics'>;
  pool: Pool;
  schema: string;
  /** Absent: it needs none. */
  temporal?: TemporalOptions;
  blobs?: BlobStore;
  log: Logger;
}

export interface Operations {
  observe: ObserveEnd;
  /** It does its work now, until that ends. */
  started<T extends { ended?: Promise<void> }>(running: T): T;
  close(): Promise<void>;
}

/** @throws SetupError where it cannot listen */
export async function openOperations({ door, config, pool, schema, temporal, blobs, log }: OperationsOptions): Promise<Operations> {
  let isRunning = false;
  const metrics = createMetrics({ door, version: readVersion(), db: inSchema(pool, schema) });
  const itself: Check = {
    name: door,
    async look() {
      if (!isRunning) throw new SetupError('is not running yet, or not any more');
    },
  };
  const readiness = createReadiness(
    [
      checkPostgres(pool, schema),
      ...(temporal ? [{ name: 'temporal', look: () => probeTemporal(temporal) }] : []),
      ...(blobs ? [checkBlobs(blobs)] : []),
      itself,
    ],
    { warn: (message) => log.warn(message) },
  );
  const server = config.metrics && (await serveOperations({ ...config.metrics, metrics, readiness }));
  if (server) log.info(`metrics at ${server.url}/metrics`);
  return {
    observe: metrics.attemptEnded,
    started(running) {
      isRunning = true;
      const over = () => {
        isRunning = false;
      };
      running.ended?.then(over, over);
      return running;
    },
    async close() {
      await server?.close();
      await metrics.close();
    },
  };
}
