import { createPool, type Pool } from '../postgres/pool.ts';
import { WORKER_POOL_CONNECTIONS } from '../temporal/worker-options.ts';

/** Few, so that few plan the statements of claims and bursts: see docs/decisions/0032. */
export const STATEMENT_CONNECTIONS = 8;

/** A request holds one for a statement or a transaction, never while it waits for its caller. */
const SERVER_CONNECTIONS = 20;

export interface WorkerPools {
  pool: Pool;
  /**
   * For blobs in Postgres. Units may hold a transaction while they write blobs: from one pool they could wait for each other. Many snapshots at once
   * wait here for their turn, so a connection may take its time. None is opened where the blobs are elsewhere.
   */
  blobPool: Pool;
  /**
   * For claims, beginnings and ends, and for progress, signs of life and lines of jobs: as many handlers as there are connections in `pool` may hold theirs
   * meanwhile.
   */
  statements: Pool;
  end(): Promise<void>;
}

/** @param door who connects, as Postgres names it */
export function createWorkerPools(connectionString: string, door: 'worker' | 'server', onError: (error: Error) => void): WorkerPools {
  const max = door === 'server' ? SERVER_CONNECTIONS : WORKER_POOL_CONNECTIONS;
  const pool = createPool({ connectionString, max, applicationName: `tidemark ${door}`, onError });
  const blobPool = createPool({
    connectionString,
    max: 8,
    applicationName: `tidemark ${door} blobs`,
    connectionTimeoutMs: 30_000,
    onError,
  });
  const statements = createPool({ connectionString, max: STATEMENT_CONNECTIONS, applicationName: `tidemark ${door}`, onError });
  return {
    pool,
    blobPool,
    statements,
    async end() {
      await Promise.all([pool.end(), blobPool.end(), statements.end()]);
    },
  };
}
