/**
 * Downloads one table into its sheet, page by page. A page's rows, and where to go on after it, commit together as a step of the job: an attempt that comes later
 * has the steps that finished, and goes on with the page after them. While a page is written the next one is fetched.
 */
import type { JobContext } from '../jobs/job-context.ts';
import type { AnySource, SourcePage } from './define-source.ts';
import { recordRows } from './record-rows.ts';
import type { SheetsOfDownload } from './sheets-of-downloads.ts';
import { type SourceSettings, sourceContext } from './source-context.ts';
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
  const reading = openReader(table, context, settings, (waiting) => onProgress({ ...countsOf(), waiting }));
  const countsOf = () => ({ records, ...(total === undefined ? {} : { total }) });
  try {
    for (let place = 0, restarts = 0; ; place += 1) {
      const page = await context.step(`${sheet}/${place}`, async ({ db }): Promise<PageStep> => {
        const read = await reading.next(cursor).catch((error: unknown) => {
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

interface Reader {
  /** @param cursor where to begin, where it has not begun. @returns undefined after the last page */
  next(cursor: unknown): Promise<SourcePage | undefined>;
  /** The next page is the first one again. */
  restart(): void;
  /** What is under way is aborted. */
  close(): void;
}

/** One page ahead of whoever reads. */
function openReader(
  { source, options }: TableToDownload,
  context: JobContext,
  settings: SourceSettings,
  onWait: (text: string) => Promise<void>,
): Reader {
  let pages: AsyncIterator<SourcePage> | undefined;
  let ahead: Promise<IteratorResult<SourcePage>> | undefined;
  let over = new AbortController();

  function end(): void {
    over.abort(new Error('Nobody reads this source any more.'));
    ahead?.catch(() => {});
    void pages?.return?.()?.catch(() => {});
    ahead = undefined;
    pages = undefined;
  }

  return {
    async next(cursor) {
      if (pages === undefined) {
        const signal = AbortSignal.any([context.signal, over.signal]);
        pages = source.read(options, sourceContext({ cursor, signal, settings, onWait, logger: context.logger }))[Symbol.asyncIterator]();
      }
      const { done, value } = await (ahead ?? pages.next());
      ahead = undefined;
      if (done) {
        return undefined;
      }
      ahead = pages.next();
      // It is asked for with the next page; until then nobody has to hear of it.
      ahead.catch(() => {});
      return value;
    },
    restart() {
      end();
      over = new AbortController();
    },
    close: end,
  };
}
