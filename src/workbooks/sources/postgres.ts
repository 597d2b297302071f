/**
 * Records of a table of a Postgres database, in the order of its key: each page is what comes after the last one's key, by an index, however far it is. The
 * connection is a secret of the workers, and cannot write. A row that gets a key before the place that has been reached is not in the download.
 */

import { z } from 'zod';
import { errorMessage } from '../../errors.ts';
import { openReadConnection, quoteName, type ReadConnection, type TableColumn } from '../../postgres/read-table.ts';
import { classifyError } from '../../work/classify-error.ts';
import { defineSource, type SourceContext, type SourcePage, secretName } from '../define-source.ts';
import { SourceRefusedError, SourceUnavailableError } from '../source-errors.ts';
import { readAgain } from './read-again.ts';

const name = z.string().min(1).max(63);

const postgresOptions = z.strictObject({
  /** The environment variable of the workers that holds the connection string. */
  connection: secretName,
  schema: name.default('public'),
  /** Or a view with a column that is unique and never null: name it in `key`. */
  table: name,
  /** Columns whose values, together, each row has alone. Default: the primary key. */
  key: z.array(name).min(1).max(16).optional(),
  pageSize: z.int().min(1).max(10_000).default(1_000),
  timeoutMs: z.int().min(100).max(300_000).default(30_000),
});

type PostgresOptions = z.output<typeof postgresOptions>;
/** The last row's key, as text. */
interface Place {
  key: string[];
}

const INT8 = 20;
const NUMERIC = 1700;
/** int2, int4, float4, float8 */
const NUMBERS: ReadonlySet<number> = new Set([21, 23, 700, 701]);
const BOOLEAN = 16;

export const postgresSource = defineSource({
  kind: 'postgres',
  options: postgresOptions,
  read: (options, context) =>
    readAgain<Place>(
      context,
      (place) => readFrom(place, options, context),
      () => 'Trying again.',
    ),
});

async function* readFrom(
  start: Place | undefined,
  { connection: variable, schema, table, key: givenKey, pageSize, timeoutMs }: PostgresOptions,
  { secret, signal }: SourceContext,
): AsyncGenerator<SourcePage> {
  const connectionString = secret(variable);
  const asking = <T>(call: Promise<T>): Promise<T> =>
    call.catch((error: unknown) => {
      throw explained(error, variable);
    });
  const connection = await asking(openReadConnection({ connectionString, timeoutMs }));
  // A statement that runs is not waited for.
  const onAbort = () => void connection.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const named = `${quoteName(schema)}.${quoteName(table)}`;
    const key = givenKey ?? (await asking(primaryKeyOf(connection, schema, table)));
    const columns = key.map(quoteName).join(', ');
    const isNull = key.map((column) => `${quoteName(column)} is null`).join(' or ');
    if ((await asking(connection.query(`select 1 from ${named} where ${isNull} limit 1`))).rows.length > 0) {
      throw new SourceRefusedError(`Rows of ${schema}.${table} have no ${key.join(', ')}: choose a key that is never null.`);
    }
    for (let place = start; ; ) {
      signal.throwIfAborted();
      const after = place === undefined ? '' : `where (${columns}) > (${place.key.map((_, index) => `$${index + 1}`).join(', ')})`;
      const page = await asking(
        connection.query(`select * from ${named} ${after} order by ${columns} limit ${pageSize + 1}`, place?.key ?? []),
      );
      const keyOf = (row: readonly (string | null)[] | undefined) =>
        key.map((column) => row?.[page.columns.findIndex((one) => one.name === column)] ?? '');
      // One more than is taken: so a key that two rows have is seen also where a page ends between them.
      page.rows.forEach((row, index) => {
        if (index > 0 && keyOf(row).join('\0') === keyOf(page.rows[index - 1]).join('\0')) {
          throw new SourceRefusedError(
            `Two rows of ${schema}.${table} have the same ${key.join(', ')}: choose a key that each row has alone.`,
          );
        }
      });
      const rows = page.rows.slice(0, pageSize);
      if (rows.length > 0 || start === undefined) {
        place = rows.length > 0 ? { key: keyOf(rows.at(-1)) } : place;
        yield {
          records: rows.map((row) => recordOf(row, page.columns)),
          columns: page.columns.map((column) => column.name),
          cursor: place ?? null,
        };
      }
      if (page.rows.length <= pageSize) return;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await connection.close();
  }
}

async function primaryKeyOf(connection: ReadConnection, schema: string, table: string): Promise<string[]> {
  const { rows } = await connection.query(
    `select a.attname from pg_index i
       join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
       cross join unnest(i.indkey) with ordinality k (number, place)
       join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
     where n.nspname = $1 and c.relname = $2 and i.indisprimary order by k.place`,
    [schema, table],
  );
  if (rows.length === 0) {
    throw new SourceRefusedError(
      `There is no table ${schema}.${table} with a primary key. Check its name, or give key: columns that each row has alone.`,
    );
  }
  return rows.map(([column]) => column as string);
}

function recordOf(row: readonly (string | null)[], columns: readonly TableColumn[]): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ name: column, type }, index) => [column, typedValue(row[index] ?? null, type)]));
}

/** A number only where it writes itself as the same text again: nothing is lost. */
function typedValue(text: string | null, type: number): unknown {
  if (text === null) return null;
  if (type === BOOLEAN) return text === 't';
  if (type === INT8 || type === NUMERIC || NUMBERS.has(type)) {
    const number = Number(text);
    return Number.isFinite(number) && (NUMBERS.has(type) || String(number) === text) ? number : text;
  }
  return text;
}

/** The variable stands for what it holds. */
function explained(error: unknown, variable: string): unknown {
  if (error instanceof SourceRefusedError) return error;
  const { code = '' } = error as { code?: string };
  const isRefusal = /^(28|3D|42|22|0A)/.test(code);
  const message = `The database of ${variable} ${isRefusal ? 'refuses' : 'does not answer'}: ${errorMessage(error)}.`;
  if (isRefusal) return new SourceRefusedError(message);
  return classifyError(error) === 'infrastructure' || /timeout|terminated|closed|ended/i.test(errorMessage(error))
    ? new SourceUnavailableError(message, { cause: error })
    : new SourceRefusedError(message);
}
