/** A command's work on the database: opened for it, checked to be migrated, closed after it. */
import { loadConfig } from '../config.ts';
import { createPool, type Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { requireMigrated } from '../postgres/require-migrated.ts';
import { findTargets, type Targets } from './targets.ts';

export { requireMigrated };

export interface DatabaseContext {
  pool: Pool;
  db: Database;
  targets: Targets;
}

export async function withDatabase<T>(body: (context: DatabaseContext) => Promise<T>): Promise<T> {
  const targets = await findTargets(loadConfig());
  const pool = createPool({ connectionString: targets.databaseUrl, max: 5, applicationName: 'tidemark command' });
  try {
    await requireMigrated(pool, targets.schema);
    return await body({ pool, db: inSchema(pool, targets.schema), targets });
  } finally {
    await pool.end();
  }
}
