import { InvalidInputError } from '../errors.ts';
import { runInTransaction } from '../postgres/application-database.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';

export interface ResetDatabaseOptions {
  /** The name of the database that is to be emptied: that no other one is. */
  database: string;
  /** Tables of the application that are emptied too, in this order: `['public.vote', 'public.post']`. */
  tables?: readonly string[];
}

/** What an application writes. What it is (subscriptions, groups, workflow names, tokens) stays. */
const WRITTEN = ['message', 'message_dedupe', 'processed', 'backfill', 'work_decision', 'work', 'work_key', 'logs', 'idempotency_key'];

/**
 * Between tests: no message, no work, no log is left, and nothing in the given tables. Nothing may run on it meanwhile.
 * @throws InvalidInputError where the connection is to another database, or for a table's name that would need quotes
 */
export async function resetDatabase(app: Pick<Tidemark, 'db' | 'schema'>, { database, tables = [] }: ResetDatabaseOptions): Promise<void> {
  await runInTransaction(app.db, async (tx) => {
    const { schema, query } = inSchema(tx, app.schema);
    const { rows } = await query('select current_database() as name');
    if (rows[0].name !== database) {
      throw new InvalidInputError(`This is the database '${rows[0].name}', not '${database}': nothing was removed.`);
    }
    for (const table of WRITTEN) {
      await query(`delete from ${schema}.${table}`);
    }
    for (const table of tables) {
      if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(table)) {
        throw new InvalidInputError(`'${table}' is no table's name: use a-z, 0-9 and _, with a schema before it if need be.`);
      }
      await query(
        `delete from ${table
          .split('.')
          .map((part) => `"${part}"`)
          .join('.')}`,
      );
    }
  });
}
