import { InvalidInputError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** Rows by their table, in the order in which they are to be inserted: `{ 'public.post': [{ id: 'p1', title: 'Tea' }] }`. */
export type Fixtures = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$/;

/**
 * Inserts rows, each with the columns that it names; the others get their defaults. Values are as JSON says them: text for what JSON has not.
 * @returns the rows as they are in their tables, by table
 * @throws InvalidInputError for a name that would need quotes; the database's own error, where it refuses a row
 */
// biome-ignore lint/suspicious/noExplicitAny: rows as the driver returns them
export async function saveFixtures(db: Queryable, fixtures: Fixtures): Promise<Record<string, any[]>> {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const saved: Record<string, any[]> = {};
  for (const [table, rows] of Object.entries(fixtures)) {
    saved[table] = [];
    for (const row of rows) {
      const columns = Object.keys(row);
      const names = columns.map(quote).join(', ');
      const target = table.split('.').map(quote).join('.');
      if (!NAME.test(table)) {
        throw new InvalidInputError(`'${table}' is no table's name: use letters, digits and _, with a schema before it if need be.`);
      }
      const inserted = await db.query(
        columns.length === 0
          ? `insert into ${target} default values returning *`
          : `insert into ${target} (${names}) select ${names} from json_populate_record(null::${target}, $1::json) returning *`,
        columns.length === 0 ? [] : [JSON.stringify(row)],
      );
      saved[table].push(inserted.rows[0]);
    }
  }
  return saved;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
