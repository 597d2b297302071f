/** Drizzle, from 0.40, on pg: a database or a transaction, and its `sql`. */
import type { ApplicationDatabase } from '../postgres/application-database.ts';
import { splitPlaceholders } from './split-placeholders.ts';

interface Drizzle {
  // biome-ignore lint/suspicious/noExplicitAny: Drizzle's SQL, and what its driver answers
  execute(query: any): PromiseLike<any>;
  // biome-ignore lint/suspicious/noExplicitAny: Drizzle's transaction has more than this
  transaction<T>(body: (tx: any) => Promise<T>): Promise<T>;
}

interface DrizzleSql {
  // biome-ignore lint/suspicious/noExplicitAny: parts of Drizzle's SQL
  join(chunks: any[]): any;
  raw(text: string): unknown;
  param(value: unknown): unknown;
}

interface DriverResult {
  rows: Record<string, unknown>[];
  fields?: readonly { name: string; dataTypeID: number }[];
}

const TIMESTAMPTZ = 1184;

/**
 * @param sql of 'drizzle-orm'
 * @example await db.transaction(async (tx) => tidemark.in(fromDrizzle(tx, sql)).enqueue(report, { month }))
 */
export function fromDrizzle(db: Drizzle, sql: DrizzleSql): ApplicationDatabase {
  return {
    async query(text, values = []) {
      const { parts, ordered } = splitPlaceholders(text, values);
      const chunks = parts.flatMap((part, index) => [...(index === 0 ? [] : [sql.param(ordered[index - 1])]), sql.raw(part)]);
      try {
        return withDates(await db.execute(sql.join(chunks)));
      } catch (error) {
        throw driverError(error);
      }
    },
    transaction: (body) => db.transaction((tx) => body(fromDrizzle(tx, sql))),
  };
}

/** Drizzle leaves times as Postgres writes them. */
function withDates({ rows, fields = [] }: DriverResult): { rows: Record<string, unknown>[] } {
  const times = fields.filter(({ dataTypeID }) => dataTypeID === TIMESTAMPTZ);
  for (const { name } of times) {
    for (const row of rows) row[name] = parseTime(row[name]);
  }
  return { rows };
}

/** '2026-11-21 10:00:00.123456+00'. What is no time of a Date ('infinity') stays text. */
function parseTime(value: unknown): unknown {
  const date = typeof value === 'string' ? new Date(value.replace(' ', 'T').replace(/[+-]\d\d$/, '$&:00')) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? value : date;
}

/** Below 'Failed query: …' is what Postgres said. */
function driverError(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? cause : error;
}
