/**
 * Records of a table of a Postgres database, in the order of its key: each page is what comes after the last one's key, by an index, however far it is. The
 * connection is a secret of the workers, and cannot write. A row that gets a key before the place that has been reached is not in the download.
 */

import { z } from 'zod';
import { errorMessage } from '../../errors.ts';
import { openReadConnection, quoteName, type ReadConnection, type TableColumn } from '../../postgres/read-table.ts';
import { classifyError } from '../../work/classify-error.ts';
import { beatWhile } from '../beat-while.ts';
import { connectionName, defineSource, type SourceContext, type SourcePage } from '../define-source.ts';
import { SourceRefusedError, SourceUnavailableError } from '../source-errors.ts';
import { readAgain } from './read-again.ts';

const name = z.string().min(1).max(63);

const postgresOptions = z.strictObject({
  /** The environment variable of the workers that holds the connection string. */
  connection: connectionName,
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

/** Rows of the first page; the next ones are as large as the rows before let them be, in bytes. */
const FIRST_ROWS = 50;
const PAGE_BYTES = 4 * 2 ** 20;
const MOST_GROWTH = 4;

async function* readFrom(
  start: Place | undefined,
  { connection: variable, schema, table, key: givenKey, pageSize, timeoutMs }: PostgresOptions,
  { connection: connectionOf, columns: wanted, signal, heartbeat }: SourceContext,
): AsyncGenerator<SourcePage> {
  const connectionString = connectionOf(variable);
  if (!/^postgres(ql)?:\/\//.test(connectionString)) {
    throw new SourceRefusedError(
      `${variable} is no address such as postgres://USER:PASSWORD@HOST/DATABASE. Set it to one, then redrive this job.`,
    );
  }
  const asking = <T>(call: Promise<T>): Promise<T> =>
    beatWhile(call, heartbeat).catch((error: unknown) => {
      signal.throwIfAborted();
      throw explained(error, variable);
    });
  const connection = await asking(openReadConnection({ connectionString, timeoutMs, signal }));
  try {
    const named = `${quoteName(schema)}.${quoteName(table)}`;
    const key = givenKey ?? (await asking(primaryKeyOf(connection, schema, table)));
    const columns = key.map(quoteName).join(', ');
    if (start === undefined && givenKey) {
      for (const column of key) {
        const { rows } = await asking(connection.query(`select 1 from ${named} where ${quoteName(column)} is null limit 1`));
        if (rows.length > 0) {
          throw new SourceRefusedError(`Rows of ${schema}.${table} have no ${column}: choose a key that is never null.`);
        }
      }
    }
    const selected = wanted === undefined ? '*' : await asking(selectedOf(connection, named, [...key, ...wanted]));
    let limit = Math.min(pageSize, FIRST_ROWS);
    for (let place = start; ; ) {
      const after = place === undefined ? '' : `where (${columns}) > (${place.key.map((_, index) => `$${index + 1}`).join(', ')})`;
      const page = await asking(
        connection.query(`select ${selected} from ${named} ${after} order by ${columns} limit ${limit + 1}`, place?.key ?? []),
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
      const rows = page.rows.slice(0, limit);
      if (rows.length > 0 || start === undefined) {
        place = rows.length > 0 ? { key: keyOf(rows.at(-1)) } : place;
        yield {
          records: rows.map((row) => recordOf(row, page.columns)),
          columns: page.columns.map((column) => column.name),
          cursor: place ?? null,
        };
      }
      if (page.rows.length <= limit) return;
      limit = nextLimit(rows, limit, pageSize);
    }
  } finally {
    await connection.close();
  }
}

function nextLimit(rows: readonly (readonly (string | null)[])[], limit: number, pageSize: number): number {
  const bytes = rows.reduce((sum, row) => sum + row.reduce((ofRow, value) => ofRow + (value?.length ?? 0), 0), 0);
  return Math.max(Math.min(Math.floor((PAGE_BYTES * rows.length) / Math.max(bytes, 1)), limit * MOST_GROWTH, pageSize), 1);
}

/** Of these columns those that there are. */
async function selectedOf(connection: ReadConnection, named: string, names: readonly string[]): Promise<string> {
  const { columns } = await connection.query(`select * from ${named} limit 0`);
  return columns
    .filter(({ name: column }) => names.includes(column))
    .map(({ name: column }) => quoteName(column))
    .join(', ');
}

async function primaryKeyOf(connection: ReadConnection, schema: string, table: string): Promise<string[]> {
  const { rows } = await connection.query(
    `select a.attname from pg_index i
       join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
       cross join unnest(i.indkey) with ordinality k (number, place)
       join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
     where n.nspname = $1 and c.relname = $2 and i.indisprimary and k.place <= i.indnkeyatts order by k.place`,
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
