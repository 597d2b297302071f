/** Creates a workbook with its tables, in the transaction of whoever does. A refusal leaves that usable. */
import { randomBytes } from 'node:crypto';
import { WorkbookExistsError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Sources } from './sources.ts';
import { checkWorkbook, type NewWorkbook, type Workbook } from './workbook.ts';

/** @throws InvalidInputError; WorkbookExistsError where there is one of this id */
export async function createWorkbook(db: Database, given: NewWorkbook, sources: Sources): Promise<Workbook> {
  const { id = randomBytes(6).toString('hex'), title, actor, tables } = checkWorkbook(given, sources);
  const { rows } = await db.prepared(
    `with created as (
       insert into ${db.schema}.workbook (id, title, actor) values ($1::text, $2::text, $3::text)
       on conflict (id) do nothing returning id, created_at
     ), tables as (
       insert into ${db.schema}.workbook_table (workbook_id, id, place, source, columns)
       select c.id, t.id, t.place, t.source, (select array_agg(n order by o) from json_array_elements_text(t.columns) with ordinality e (n, o))
       from created c cross join json_to_recordset($4::json) t (id text, place integer, source json, columns json)
     )
     select created_at from created`,
    [id, title ?? null, actor ?? null, JSON.stringify(tables.map((table, place) => ({ ...table, place })))],
  );
  if (rows.length === 0) {
    throw new WorkbookExistsError(id);
  }
  return {
    id,
    createdAt: rows[0].created_at,
    ...(title === undefined ? {} : { title }),
    ...(actor === undefined ? {} : { actor }),
    tables: tables.map(({ id: tableId, source, columns }) => ({ id: tableId, source, ...(columns ? { columns: [...columns] } : {}) })),
  };
}
