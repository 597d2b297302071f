/**
 * Downloads one table into its sheet, page by page. A page's rows, and where to go on after it, commit together as a step of the job: an attempt that comes later
 * has the steps that finished, and goes on with the page after them. While pages are written the next ones are fetched; those that have come by then are one step.
 */
import type { JobContext } from '../jobs/job-context.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { AnySource } from './define-source.ts';
import { type ReadAhead, readAhead } from './read-ahead.ts';
import { recordRows } from './record-rows.ts';
import type { SheetsOfDownload } from './sheets-of-downloads.ts';
import type { SourceSettings } from './source-context.ts';
import { SourceChangedError, SourceRefusedError } from './source-errors.ts';

export interface TableToDownload {
  id: string;
  /** That it begins with. */
  sheet: string;
}

/** What it is made of. */
export interface TableSource {
  source: AnySource;
  /** Of the source. */
  options: unknown;
  /** Those to take; undefined: all. */
  columns: readonly string[] | undefined;
}

export interface TableProgress {
  records: number;
  total?: number;
  /** What it waits for, where it does. */
  waiting?: string;
}

export interface DownloadTableOptions {
  context: JobContext;
  /** Asked for once there is something left to read. */
  sourceOf(tx: Queryable, tableId: string): Promise<TableSource>;
  sheets: SheetsOfDownload;
  settings: SourceSettings;
  onProgress(progress: TableProgress): Promise<void>;
}

/** What a step leaves for later attempts. */
type PageStep = { records: number; cursor: unknown; total?: number } | { again: string } | { end: true };

/** The source has changed so often while it was read that it is no use. */
const MAX_RESTARTS = 5;

export async function downloadTable(
  table: TableToDownload,
  { context, sourceOf, sheets, settings, onProgress }: DownloadTableOptions,
): Promise<{ sheet: string; records: number }> {
  let { sheet } = table;
  let records = 0;
  let total: number | undefined;
  let cursor: unknown;
  /** Of the sheet: looked up by the first page of an attempt. */
  let columns: readonly string[] | undefined;
  /** Of this attempt. */
  let restarts = 0;
  let from: { table: TableSource; reading: ReadAhead } | undefined;
  const { signal, logger } = context;
  const countsOf = () => ({ records, ...(total === undefined ? {} : { total }) });
  const onWait = (waiting: string) => onProgress({ ...countsOf(), waiting });
  const open = async (tx: Queryable) => {
    const found = await sourceOf(tx, table.id);
    return { table: found, reading: readAhead(found, { settings, signal, logger, onWait }) };
  };

  async function writePage(tx: Queryable): Promise<PageStep> {
    // Whoever died behind the last page has said where to go on: nowhere.
    if (cursor === null) {
      return { end: true };
    }
    from ??= await open(tx);
    const read = await from.reading.next(cursor).catch((error: unknown) => {
      if (!(error instanceof SourceChangedError) || restarts === MAX_RESTARTS) throw given(error, table.id);
      return error;
    });
    if (read instanceof SourceChangedError) {
      logger.warn(`${read.message} Table '${table.id}' begins anew.`, { tableId: table.id });
      restarts += 1;
      await sheets.giveUp(tx, sheet);
      return { again: await sheets.begin(tx, table.id) };
    }
    if (read === undefined) {
      return { end: true };
    }
    const known = columns ?? (await sheets.columns(tx, sheet));
    const { entries, newColumns } = recordRows(read, { tableId: table.id, before: records, known, wanted: from.table.columns });
    await sheets.append(tx, sheet, { entries, newColumns, records: read.records.length });
    columns = [...known, ...newColumns];
    return {
      records: read.records.length,
      cursor: read.cursor ?? null,
      ...(isTotal(read.total) ? { total: read.total } : {}),
    };
  }

  try {
    for (let place = 0; ; place += 1) {
      const page = await context.step(`${sheet}/${place}`, ({ db }) => writePage(db));
      if ('end' in page) {
        await onProgress({ records, total: records });
        return { sheet, records };
      }
      if ('again' in page) {
        sheet = page.again;
        records = 0;
        columns = undefined;
        cursor = undefined;
        from?.reading.restart();
        place = -1;
        continue;
      }
      records += page.records;
      cursor = page.cursor;
      total = page.total ?? total;
      await onProgress(countsOf());
    }
  } finally {
    from?.reading.close();
  }
}

const isTotal = (total: number | undefined): total is number => total !== undefined && Number.isFinite(total) && total >= 0;

/** A source that goes on changing is not what this table can be made of. */
function given(error: unknown, tableId: string): unknown {
  return error instanceof SourceChangedError
    ? new SourceRefusedError(
        `${error.message} Table '${tableId}' has begun anew ${MAX_RESTARTS} times: download it when its source is at rest.`,
      )
    : error;
}
