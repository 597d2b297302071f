/**
 * Reads a source some pages ahead of whoever writes them. A source that is faster than the database is written in larger transactions, a slow one page by page.
 */
import type { AnySource, SourcePage } from './define-source.ts';
import { type SourceContextOptions, sourceContext } from './source-context.ts';

/** What a table is made of. */
export interface TableSource {
  source: AnySource;
  /** Of the source. */
  options: unknown;
  /** Those to take; undefined: all. */
  columns: readonly string[] | undefined;
}

export interface ReadAhead {
  /**
   * What has come: one page, or several as one. What goes wrong is thrown after the pages before it.
   * @param cursor where to begin, where it has not begun. @returns undefined after the last page
   */
  next(cursor: unknown): Promise<SourcePage | undefined>;
  /** The next page is the first one again. */
  restart(): void;
  /** What is under way is aborted. */
  close(): void;
}

/** Ahead, in all; the page that passes one of them is still taken. */
const MOST_PAGES = 8;
const MOST_RECORDS = 5_000;
/** Estimated. */
const MOST_BYTES = 16 * 2 ** 20;

export function readAhead(
  { source, options, columns }: TableSource,
  { signal, ...surroundings }: Omit<SourceContextOptions, 'cursor' | 'columns'>,
): ReadAhead {
  let reading: Reading | undefined;
  return {
    next(cursor) {
      reading ??= startReading((over) =>
        source.read(options, sourceContext({ ...surroundings, cursor, columns, signal: AbortSignal.any([signal, over]) })),
      );
      return reading.next();
    },
    restart() {
      reading?.close();
      reading = undefined;
    },
    close: () => reading?.close(),
  };
}

type Reading = Pick<ReadAhead, 'close'> & { next(): Promise<SourcePage | undefined> };

function startReading(read: (over: AbortSignal) => AsyncIterable<SourcePage>): Reading {
  const over = new AbortController();
  let ahead: SourcePage[] = [];
  let bytesAhead = 0;
  let end: { error?: unknown } | undefined;
  let changed: Promise<void>;
  let change = () => {};
  const arm = () => {
    changed = new Promise((resolve) => {
      change = () => {
        arm();
        resolve();
      };
    });
  };
  arm();
  const isFull = () =>
    ahead.length >= MOST_PAGES || bytesAhead >= MOST_BYTES || ahead.reduce((sum, { records }) => sum + records.length, 0) >= MOST_RECORDS;

  async function fetchAll(): Promise<void> {
    for await (const page of read(over.signal)) {
      ahead.push(page);
      bytesAhead += bytesOf(page);
      change();
      while (isFull() && !over.signal.aborted) await changed;
      if (over.signal.aborted) return;
    }
  }

  fetchAll().then(
    () => {
      end = {};
      change();
    },
    (error: unknown) => {
      end = { error };
      change();
    },
  );

  return {
    async next() {
      while (ahead.length === 0 && end === undefined) await changed;
      const pages = ahead;
      ahead = [];
      bytesAhead = 0;
      change();
      if (pages.length > 0) return asOne(pages);
      if (end && 'error' in end) throw end.error;
      return undefined;
    },
    close() {
      over.abort(new Error('Nobody reads this source any more.'));
      change();
    },
  };
}

function asOne(pages: readonly SourcePage[]): SourcePage {
  const last = pages.at(-1) as SourcePage;
  const columns = new Set(pages.flatMap((page) => page.columns ?? []));
  return {
    records: pages.length === 1 ? last.records : pages.flatMap((page) => page.records),
    cursor: last.cursor,
    total: last.total,
    ...(columns.size === 0 ? {} : { columns: [...columns] }),
  };
}

function bytesOf({ records }: SourcePage): number {
  let bytes = 0;
  for (const record of records) {
    for (const value of Object.values(record)) {
      if (typeof value === 'string') bytes += value.length;
      else bytes += typeof value === 'object' && value !== null ? (JSON.stringify(value)?.length ?? 0) : 8;
    }
  }
  return bytes;
}
