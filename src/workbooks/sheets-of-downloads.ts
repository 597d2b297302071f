/**
 * The sheets that a download writes. One is made for each table and each download, so that what is there stays as it is until the new content is whole; then the
 * tables show the new ones, all at once, in the transaction that ends the job.
 */
import { createLogOfType } from '../event-log/create-log.ts';
import { encodeEntries } from '../event-log/entry-data.ts';
import { inSchema, type Queryable } from '../postgres/queryable.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { sheet as sheetType } from '../spreadsheet/sheet.ts';
import { NonRetryableError } from '../work/retry-policy.ts';

export interface SheetAppend {
  entries: Iterable<SheetEntry>;
  /** Names of those that it did not have, behind the others. */
  newColumns: readonly string[];
  /** How many records these entries are. */
  records: number;
}

export interface SheetsOfDownload {
  /** A new sheet for the table, which nobody sees yet. @returns the id of its log */
  begin(tx: Queryable, tableId: string): Promise<string>;
  /** It will not be shown: there is something wrong with it. */
  giveUp(tx: Queryable, sheet: string): Promise<void>;
  /** That it has so far, in their order. */
  columns(tx: Queryable, sheet: string): Promise<string[]>;
  append(tx: Queryable, sheet: string, append: SheetAppend): Promise<void>;
  /** From the commit on. @returns those that nobody will see: a download that began later is what their tables show */
  show(tx: Queryable, sheets: readonly string[]): Promise<string[]>;
}

/** Each has at most 1 MB: so many are below what one call takes. */
const ENTRIES_PER_CALL = 32;

/** @param workId of the unit that writes them */
export function sheetsOfDownload(
  schema: string,
  { workbookId, workId, actor }: { workbookId: string; workId: string; actor: string },
): SheetsOfDownload {
  return {
    async begin(tx, tableId) {
      const db = inSchema(tx, schema);
      for (;;) {
        const { rows } = await db.query(
          `update ${db.schema}.workbook_table t set versions = t.versions + 1 where t.workbook_id = $1::text and t.id = $2::text
           returning t.versions, exists (select 1 from ${db.schema}.logs l where l.id = concat_ws('.', t.workbook_id, t.id, t.versions)) as is_taken`,
          [workbookId, tableId],
        );
        if (rows[0].is_taken) continue;
        const id = `${workbookId}.${tableId}.${rows[0].versions}`;
        // A log of that name that is somebody else's stays theirs.
        if ((await createLogOfType(tx, sheetType, { id, schema })) === 'created') {
          await db.query(
            `insert into ${db.schema}.workbook_sheet (sheet, workbook_id, table_id, version, work_id)
             values ($1::text, $2::text, $3::text, $4::integer, $5::text)`,
            [id, workbookId, tableId, rows[0].versions, workId],
          );
          return id;
        }
      }
    },
    async giveUp(tx, sheet) {
      const db = inSchema(tx, schema);
      await db.query(`update ${db.schema}.workbook_sheet set ended_at = clock_timestamp() where sheet = $1::text`, [sheet]);
    },
    async columns(tx, sheet) {
      const db = inSchema(tx, schema);
      const { rows } = await db.query(`select columns from ${db.schema}.workbook_sheet where sheet = $1::text`, [sheet]);
      return rows[0]?.columns ?? [];
    },
    async append(tx, sheet, { entries, newColumns, records }) {
      const db = inSchema(tx, schema);
      let [columns, counted]: [readonly string[], number] = [newColumns, records];
      const call = async (some: readonly SheetEntry[]) => {
        const encoded = encodeEntries(some);
        const { rows } = await db.query(
          `select ${db.schema}.append_records($1::text, $2::text[], $3::text[], $4::text[], $5::integer, $6::text, $7::text) as appended`,
          [sheet, encoded.map(({ type }) => type), encoded.map(({ data }) => data), columns, counted, actor, workId],
        );
        if (!rows[0].appended) {
          throw new NonRetryableError(`Sheet '${sheet}' is gone: somebody has removed it. Download the workbook anew.`);
        }
        [columns, counted] = [[], 0];
      };
      let some: SheetEntry[] = [];
      for (const entry of entries) {
        some.push(entry);
        if (some.length === ENTRIES_PER_CALL) {
          await call(some);
          some = [];
        }
      }
      if (some.length > 0 || counted > 0) await call(some);
    },
    async show(tx, sheets) {
      const db = inSchema(tx, schema);
      const { rows } = await db.query(`select sheet from ${db.schema}.show_sheets($1::text[]) sheet`, [sheets]);
      return rows.map(({ sheet }) => sheet);
    },
  };
}
