/** Workbooks as people look at them: with the sheet that each table shows. */
import { WorkbookNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Workbook, WorkbookTable } from './workbook.ts';

export interface ListWorkbooksOptions {
  /** Those whose sheets begin with one of these; absent: all. */
  prefixes?: readonly string[] | undefined;
  /** After this id, which the page before ended with. */
  after?: string | undefined;
  limit: number;
}

/** By id. */
export async function listWorkbooks(db: Database, { prefixes, after, limit }: ListWorkbooksOptions): Promise<Workbook[]> {
  const { rows } = await db.query(
    `select ${COLUMNS(db.schema)} from ${db.schema}.workbook b
     where ($1::text is null or b.id > $1::text)
       and ($2::text[] is null or exists (select 1 from unnest($2::text[]) p where starts_with(b.id || '.', p)))
     order by b.id limit $3::integer`,
    [after ?? null, prefixes ?? null, limit],
  );
  return rows.map(workbookOf);
}

/** @throws WorkbookNotFoundError */
export async function readWorkbook(db: Database, id: string): Promise<Workbook> {
  const { rows } = await db.query(`select ${COLUMNS(db.schema)} from ${db.schema}.workbook b where b.id = $1::text`, [id]);
  if (rows.length === 0) {
    throw new WorkbookNotFoundError(id);
  }
  return workbookOf(rows[0]);
}

const COLUMNS = (schema: string) => `b.id, b.title, b.actor, b.created_at,
  (select json_agg(json_build_object('id', t.id, 'source', t.source, 'columns', t.columns, 'sheet', t.sheet, 'records', s.records, 'downloadedAt', s.shown_at)
     order by t.place)
   from ${schema}.workbook_table t left join ${schema}.workbook_sheet s on s.sheet = t.sheet where t.workbook_id = b.id) as tables`;

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function workbookOf({ id, title, actor, created_at: createdAt, tables }: any): Workbook {
  return { id, createdAt, ...(title === null ? {} : { title }), ...(actor === null ? {} : { actor }), tables: (tables ?? []).map(tableOf) };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as Postgres makes it JSON
function tableOf({ id, source, columns, sheet, records, downloadedAt }: any): WorkbookTable {
  return {
    id,
    source,
    ...(columns === null ? {} : { columns }),
    ...(sheet === null ? {} : { sheet, records: Number(records), downloadedAt: new Date(downloadedAt) }),
  };
}
