/** Kysely, from 0.27: a database or a transaction. */
import { randomUUID } from 'node:crypto';
import type { ApplicationDatabase } from '../postgres/application-database.ts';

interface Kysely {
  withoutPlugins(): {
    // biome-ignore lint/suspicious/noExplicitAny: Kysely's CompiledQuery and its rows
    executeQuery(query: any): Promise<{ rows: any[] }>;
  };
  transaction(): { execute<T>(body: (trx: Kysely) => Promise<T>): Promise<T> };
}

/** @example await kysely.transaction().execute(async (trx) => tidemark.in(fromKysely(trx)).enqueue(report, { month })) */
export function fromKysely(db: Kysely): ApplicationDatabase {
  return {
    // Without plugins: one that renames columns would rename Tidemark's.
    query: (sql, parameters = []) => db.withoutPlugins().executeQuery(compiledQuery(sql, parameters)),
    transaction: (body) => db.transaction().execute((trx) => body(fromKysely(trx))),
  };
}

/** As `CompiledQuery.raw` makes it. */
const compiledQuery = (sql: string, parameters: unknown[]) => ({
  sql,
  parameters,
  query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
  queryId: { queryId: randomUUID() },
});
