/**
 * Connections for jobs that run in an application's own process: pools of their own beside the application's, opened when the first of them runs. A handler may
 * hold a connection for as long as it runs, and needs others meanwhile: taken from the pool that the application answers its requests with, as many jobs as it
 * has connections would wait for each other, and the requests for them.
 */
import { SetupError } from '../errors.ts';
import type { ApplicationDatabase } from '../postgres/application-database.ts';
import { isPool } from '../postgres/driver.ts';
import { createPool, createPoolLike, type Pool } from '../postgres/pool.ts';

export interface PoolsOfJobs {
  /** Transactions of handlers and of their steps. */
  pool: Pool;
  /** Single statements: claims, progress, signs of life. Never held. */
  statements: Pool;
}

export interface PoolOfJobs {
  open(): PoolsOfJobs;
  /** Ends what it has opened. */
  close(): Promise<void>;
}

/** Jobs of one process side by side. */
export const JOBS_AT_ONCE = 8;
/** As many as run have their transaction, and as many again one of a step. */
const TRANSACTIONS = { max: 2 * JOBS_AT_ONCE, connectionTimeoutMs: 30_000, applicationName: 'tidemark jobs', allowExitOnIdle: true };
const STATEMENTS = { max: 2, connectionTimeoutMs: 5_000, applicationName: 'tidemark jobs', allowExitOnIdle: true };

/** @throws SetupError where there is no way to them */
export function poolOfJobs(db: ApplicationDatabase, connectionString: string | undefined): PoolOfJobs {
  const create = isPool(db)
    ? (options: typeof TRANSACTIONS) => createPoolLike(db, options)
    : connectionString !== undefined
      ? (options: typeof TRANSACTIONS) => createPool({ connectionString, ...options })
      : undefined;
  if (create === undefined) {
    throw new SetupError(
      'USE_JOBS is off, so this process runs its jobs and needs connections for them: give createTidemark a pg Pool as db, or a connectionString.',
    );
  }
  let opened: PoolsOfJobs | undefined;
  return {
    open() {
      opened ??= { pool: create(TRANSACTIONS), statements: create(STATEMENTS) };
      return opened;
    },
    async close() {
      const closing = opened;
      opened = undefined;
      await Promise.all([closing?.pool.end(), closing?.statements.end()]);
    },
  };
}
