/** Connections for jobs that run in an application's own process: its pool, or one that is opened when the first of them runs. */
import { SetupError } from '../errors.ts';
import type { ApplicationDatabase } from '../postgres/application-database.ts';
import { isPool } from '../postgres/driver.ts';
import { createPool, type Pool } from '../postgres/pool.ts';

export interface PoolOfJobs {
  open(): Pool;
  /** Ends what it has opened. */
  close(): Promise<void>;
}

/** @throws SetupError where there is no way to one */
export function poolOfJobs(db: ApplicationDatabase, connectionString: string | undefined): PoolOfJobs {
  if (isPool(db)) {
    return { open: () => db, close: async () => {} };
  }
  if (connectionString === undefined) {
    throw new SetupError(
      'USE_JOBS is off, so this process runs its jobs and needs connections for them: give createTidemark a pg Pool as db, or a connectionString.',
    );
  }
  let pool: Pool | undefined;
  return {
    open() {
      pool ??= createPool({ connectionString, applicationName: 'tidemark jobs' });
      return pool;
    },
    async close() {
      await pool?.end();
      pool = undefined;
    },
  };
}
