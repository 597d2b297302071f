/** A command's work on the database: opened for it, checked to be migrated, closed after it. */
import { loadConfig } from '../config.ts';
import { SetupError } from '../errors.ts';
import { appliedMigrations, migrationNames } from '../postgres/migrate.ts';
import { createPool, type Pool } from '../postgres/pool.ts';
import { type Database, inSchema, type Queryable } from '../postgres/queryable.ts';
import { findTargets, type Targets } from './targets.ts';

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

/** @throws SetupError where this version's migrations have not run */
export async function requireMigrated(queryable: Queryable, schema: string): Promise<void> {
  const applied = await appliedMigrations(queryable, schema);
  if (applied === undefined) {
    throw new SetupError(
      `There is no Tidemark in schema '${schema}' of this database: run 'tidemark migrate', or correct TIDEMARK_SCHEMA.`,
    );
  }
  const missing = (await migrationNames()).filter((name) => !applied.includes(name));
  if (missing.length > 0) {
    throw new SetupError(`The database is older than this version (missing: ${missing.join(', ')}): run 'tidemark migrate'.`);
  }
}
