/**
 * Connection pools. A pool never takes the process down: an idle connection that breaks is reported and replaced,
 * and a statement on a broken one fails with the driver's error, which callers treat as "try again".
 */
import pg from 'pg';

/** The driver's default is 10 s. A new connection costs the server some 15 ms until its functions are planned. */
const IDLE_TIMEOUT_MS = 60_000;

export interface PoolOptions {
  connectionString: string;
  /** Most connections at once. Keep it at or above the number of activity slots of a worker. */
  max?: number;
  applicationName?: string;
  /** How long to wait for a connection before failing. */
  connectionTimeoutMs?: number;
  onError?: (error: Error) => void;
}

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export function createPool({
  connectionString,
  max = 10,
  applicationName = 'tidemark',
  connectionTimeoutMs = 5_000,
  onError,
}: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: connectionTimeoutMs,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    keepAlive: true,
  });
  // Without a listener an idle connection's end would be an uncaught exception.
  pool.on('error', (error) => onError?.(error));
  return pool;
}
