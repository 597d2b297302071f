import { SetupError } from '../errors.ts';
import { appliedMigrations, migrationNames } from './migrate.ts';
import type { Queryable } from './queryable.ts';

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
