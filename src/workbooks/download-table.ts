/**
 * Downloads one table into its sheet, page by page. A page's rows, and where to go on after it, commit together as a step of the job: an attempt that comes later
 * has the steps that finished, and goes on with the page after them. While pages are written the next ones are fetched; those that have come by then are one step.
 */
import type { JobContext } from '../jobs/job-context.ts';
import type { AnySource } from './define-source.ts';
import { readAhead } from './read-ahead.ts';
import { recordRows } from './record-rows.ts';
import type { SheetsOfDownload } from './sheets-of-downloads.ts';
import type { SourceSettings } from './source-context.ts';
import { SourceChangedError, SourceRefusedError } from './source-errors.ts';

export interface TableToDownload {
  id: string;
  source: AnySource;
  /** Of the source. */
  options: unknown;
  columns: readonly string[] | undefined;
  /** That it begins with. */
  sheet: string;
}

export interface TableProgress {
  records: number;
  total?: number;
  /** What it waits for, where it does. */
  waiting?: string;
}

export interface DownloadTableOptions {
  context: JobContext;
  sheets: SheetsOfDownload;
  settings: SourceSettings;
  onProgress(progress: TableProgress): Promise<void>;
}

/** What a step leaves for later attempts. */
type PageStep = { records: number; cursor: unknown; columns?: string[]; total?: number } | { again: string } | { end: true };

/** The source has changed so often while it was read that it is no use. */
const MAX_RESTARTS = 5;

export async function downloadTable(
  table: TableToDownload,
  { context, sheets, settings, onProgress }: DownloadTableOptions,
): Promise<{ sheet: string; records: number }> {
  let { sheet } = table;
  let records = 0;
  let total: number | undefined;
  let columns: string[] = [];
  let cursor: unknown;
  const { signal, logger } = context;
  const onWait = (waiting: string) => onProgress({ ...countsOf(), waiting });
  const reading = readAhead(table, { settings, signal, logger, onWait });
  const countsOf = () => ({ records, ...(total === undefined ? {} : { total }) });
  try {
    for (let place = 0, restarts = 0; ; place += 1) {
      const page = await context.step(`${sheet}/${place}`, async ({ db }): Promise<PageStep> => {
        // Whoever died behind the last page has said where to go on: nowhere.
        const next = cursor === null ? Promise.resolve(undefined) : reading.next(cursor);
        const read = await next.catch((error: unknown) => {
          if (!(error instanceof SourceChangedError) || restarts === MAX_RESTARTS) throw given(error, table.id);
          return error;
        });
        if (read instanceof SourceChangedError) {
          context.logger.warn(`${read.message} Table '${table.id}' begins anew.`, { tableId: table.id });
          await sheets.giveUp(db, sheet);
          return { again: await sheets.begin(db, table.id) };
        }
        if (read === undefined) {
          return { end: true };
        }
        const { entries, newColumns } = recordRows(read, { tableId: table.id, before: records, known: columns, wanted: table.columns });
        await sheets.append(db, sheet, entries, read.records.length);
        return {
          records: read.records.length,
          cursor: read.cursor,
          ...(newColumns.length === 0 ? {} : { columns: newColumns }),
          ...(read.total === undefined ? {} : { total: read.total }),
        };
      });
      if ('end' in page) {
        await onProgress({ records, total: records });
        return { sheet, records };
      }
      if ('again' in page) {
        sheet = page.again;
        records = 0;
        columns = [];
        cursor = undefined;
        reading.restart();
        place = -1;
        restarts += 1;
        continue;
      }
      records += page.records;
      columns = [...columns, ...(page.columns ?? [])];
      cursor = page.cursor;
      total = page.total ?? total;
      await onProgress(countsOf());
    }
  } finally {
    reading.close();
  }
}

/** A source that goes on changing is not what this table can be made of. */
function given(error: unknown, tableId: string): unknown {
  return error instanceof SourceChangedError
    ? new SourceRefusedError(
        `${error.message} Table '${tableId}' has begun anew ${MAX_RESTARTS} times: download it when its source is at rest.`,
      )
    : error;
}
