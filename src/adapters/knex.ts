/** Knex, from 2, on pg: a database or a transaction. A `postProcessResponse` has to leave raw results as they are. */
import type { ApplicationDatabase } from '../postgres/application-database.ts';
import { splitPlaceholders } from './split-placeholders.ts';

interface Knex {
  // biome-ignore lint/suspicious/noExplicitAny: values and rows of whatever kind
  raw(sql: string, bindings: any): PromiseLike<any>;
  transaction<T>(body: (trx: Knex) => Promise<T>): Promise<T>;
}

/** @example await knex.transaction(async (trx) => tidemark.in(fromKnex(trx)).enqueue(report, { month })) */
export function fromKnex(db: Knex): ApplicationDatabase {
  return {
    async query(text, values = []) {
      const { parts, ordered } = splitPlaceholders(text, values);
      // A question mark of the statement's own is no placeholder.
      return db.raw(parts.map((part) => part.replaceAll('?', '\\?')).join('?'), ordered);
    },
    transaction: (body) => db.transaction((trx) => body(fromKnex(trx))),
  };
}
