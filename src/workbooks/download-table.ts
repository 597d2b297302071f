/**
 * Downloads one table into its sheet, page by page. A page's rows, and where to go on after it, commit together as a step of the job: an attempt that comes later
 * has the steps that finished, and goes on with the page after them. While pages are written the next ones are fetched; those that have come by then are one step.
 */
import type { JobContext } from '../jobs/job-context.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { GotFurtherError, RetryAfterError } from '../work/retry-policy.ts';
import { readAhead, type TableSource } from './read-ahead.ts';
import { recordRows } from './record-rows.ts';
import type { SheetsOfDownload } from './sheets-of-downloads.ts';
import type { SourceSettings } from './source-context.ts';
import { SourceChangedError, SourceRefusedError, SourceUnavailableError } from './source-errors.ts';

export interface TableToDownload extends TableSource {
  id: string;
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
  /** What it has written, of whatever table. */
  attempt: { pages: number };
  onProgress(progress: TableProgress): Promise<void>;
}

/** What a step leaves for later attempts. */
type PageStep = { records: number; cursor: unknown; total?: number } | { again: string } | { end: true };

/** The source has changed so often while it was read that it is no use. */
const MAX_RESTARTS = 5;

export async function downloadTable(
  table: TableToDownload,
  { context, sheets, settings, attempt, onProgress }: DownloadTableOptions,
): Promise<{ sheet: string; records: number }> {
  let { sheet } = table;
  let records = 0;
  let total: number | undefined;
  let cursor: unknown;
  /** Of the sheet: looked up by the first page of an attempt. */
  let columns: readonly string[] | undefined;
  /** Of this attempt. */
  let restarts = 0;
  const { signal, logger, heartbeat } = context;
  const countsOf = () => ({ records, ...(total === undefined ? {} : { total }) });
  const onWait = (waiting: string) => onProgress({ ...countsOf(), waiting });
  const reading = readAhead(table, { settings, signal, logger, onWait, heartbeat });

  async function writePage(tx: Queryable): Promise<PageStep> {
    // Whoever died behind the last page has said where to go on: nowhere.
    if (cursor === null) {
      return { end: true };
    }
    // Nothing of the database before there is a page: what is waited for may take long.
    const read = await reading.next(cursor).catch(async (error: unknown) => {
      if (error instanceof SourceChangedError && restarts < MAX_RESTARTS) return error;
      if (attempt.pages === 0 || !isOfTheMoment(error)) throw given(error, table.id);
      // This attempt is in no list of failed ones: people see here what it waits for.
      const when = error instanceof RetryAfterError ? `in ${Math.ceil(error.retryAfterMs / 1_000)} s` : 'soon';
      logger.warn(`${error.message} Table '${table.id}' goes on behind its first ${records} records ${when}.`, { tableId: table.id });
      await onWait(`${error.message} Going on ${when}.`);
      throw new GotFurtherError(error);
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
    const { entries, newColumns } = recordRows(read, { tableId: table.id, before: records, known, wanted: table.columns });
    await sheets.append(tx, sheet, { entries, newColumns, records: read.records.length });
    columns = [...known, ...newColumns];
    attempt.pages += 1;
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
        reading.restart();
        place = -1;
        continue;
      }
      records += page.records;
      cursor = page.cursor;
      total = page.total ?? total;
      await onProgress(countsOf());
    }
  } finally {
    reading.close();
  }
}

const isTotal = (total: number | undefined): total is number => total !== undefined && Number.isFinite(total) && total >= 0;

/** It may answer later. With a page written in every attempt that is no reason to give up: a quota by the hour takes as many as it takes. */
const isOfTheMoment = (error: unknown): error is Error => error instanceof RetryAfterError || error instanceof SourceUnavailableError;

/** A source that goes on changing is not what this table can be made of. */
function given(error: unknown, tableId: string): unknown {
  return error instanceof SourceChangedError
    ? new SourceRefusedError(
        `${error.message} Table '${tableId}' has begun anew ${MAX_RESTARTS} times: download it when its source is at rest.`,
      )
    : error;
}
