import { InvalidInputError } from '../errors.ts';
import { preparedOn } from './prepared.ts';

/** Anything that runs a statement: a pg client or pool, or an adapter of a few lines over another driver. */
export interface Queryable {
  // biome-ignore lint/suspicious/noExplicitAny: rows are typed by each caller
  query(text: string, values?: unknown[]): Promise<{ rows: any[] }>;
}

/** A Queryable that knows where Tidemark's tables are. Statements name them as `${db.schema}.work`. */
export interface Database extends Queryable {
  /** Quoted identifier of the schema. */
  readonly schema: string;
  /** As `query`, for the few statements that run all the time: prepared once per connection, where the driver is pg. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are typed by each caller
  prepared(text: string, values: unknown[]): Promise<{ rows: any[] }>;
}

export const DEFAULT_SCHEMA = 'tidemark';

/** @throws InvalidInputError for a name that would need escaping */
export function quoteSchema(schema: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new InvalidInputError(`'${schema}' is not a schema name: use 1 to 63 of a-z, 0-9 and _, not starting with a digit.`);
  }
  return `"${schema}"`;
}

export function inSchema(queryable: Queryable, schema: string = DEFAULT_SCHEMA): Database {
  return { schema: quoteSchema(schema), query: (text, values) => queryable.query(text, values), prepared: preparedOn(queryable) };
}
