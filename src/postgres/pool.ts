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
  /** Idle connections do not keep the process running. Default false. */
  allowExitOnIdle?: boolean;
  onError?: (error: Error) => void;
}

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export function createPool({ connectionString, ...options }: PoolOptions): Pool {
  return open({ connectionString, idleTimeoutMillis: IDLE_TIMEOUT_MS, keepAlive: true }, options);
}

/** Another pool to the same database, by the same way: for what must not wait for whoever holds the connections of the first. */
export function createPoolLike(other: Pool, options: Omit<PoolOptions, 'connectionString'>): Pool {
  // A pool hides its password from whoever copies its options.
  const { password } = other.options;
  return open({ ...other.options, ...(password === undefined ? {} : { password }), min: 0 }, options);
}

function open(
  how: pg.PoolConfig,
  {
    max = 10,
    applicationName = 'tidemark',
    connectionTimeoutMs = 5_000,
    allowExitOnIdle = false,
    onError,
  }: Omit<PoolOptions, 'connectionString'>,
): Pool {
  const pool = new pg.Pool({
    ...how,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: connectionTimeoutMs,
    allowExitOnIdle,
  });
  // Without a listener an idle connection's end would be an uncaught exception.
  pool.on('error', (error) => onError?.(error));
  return pool;
}
