import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { SequenceId, SnapshotValue } from './event-log.ts';
import { type PageForm, pageStatement } from './page-statement.ts';
import { checkSequenceId, MAX_SEQUENCE_ID, sequenceIdParameter } from './sequence-id.ts';

/** Most bytes of data in a page of many entries, so that large ones do not fill the memory. */
const MAX_PAGE_BYTES = 16 * 1_048_576;
/** So few entries, of at most 1 MB each, are not weighed first: that is a quarter of what reading them costs. */
const MAX_UNWEIGHED = 128;

export interface PageReaderOptions extends PageForm {
  logId: string;
  pageSize: number;
  /** Default 16 MB; a single entry may be more. */
  maxBytes?: number;
}

export interface PageRange {
  start: SequenceId | 'snapshot' | 'start';
  end: SequenceId | 'end';
  /** The newest snapshot that the caller knows of: a newer one is in the answer. */
  snapshotId?: SequenceId | undefined;
}

/** A page as Postgres answers it, and how far the log went at that moment. */
export interface Page {
  startSequenceId: SequenceId;
  /** Of the log. */
  logEnd: SequenceId;
  lastSnapshot?: SnapshotValue;
  /** null where there are none. */
  data: string | null;
  types: string | null;
  metadata: string | null;
  provenance?: string | null;
}

/**
 * Reads pages of a log, each in one round trip and as of one moment. A page of too many bytes is asked for again, shorter, and the
 * next ones begin as short.
 * @throws LogNotFoundError, SequenceRangeError, InvalidInputError
 */
export function createPageReader(options: PageReaderOptions): (db: Database, range: PageRange) => Promise<Page> {
  const { logId, pageSize, maxBytes = MAX_PAGE_BYTES, ...form } = options;
  let likelySize = pageSize;

  return async function readPage(db, { start, end, snapshotId }) {
    checkRange(start, end);
    for (let size = likelySize; ; ) {
      const row = await readRow(db, { logId, start, end, size, maxBytes, withNewest: snapshotId !== undefined, ...form });
      const { log_start, log_end, entry_count: count, bytes } = row;
      if (BigInt(row.page_start) < BigInt(log_start) || BigInt(row.page_start) > BigInt(log_end)) {
        throw new SequenceRangeError(start as SequenceId, BigInt(log_start), BigInt(log_end));
      }
      const fitting = count ? Math.max(1, Math.floor((maxBytes / Number(bytes)) * count)) : pageSize;
      if (count) {
        likelySize = Math.min(pageSize, fitting);
      }
      if (row.data !== null || !count) {
        return pageOf(row, snapshotId);
      }
      // Some are larger than others: at least halve it.
      size = Math.min(fitting, Math.ceil(count / 2));
    }
  };
}

interface PageRow {
  log_start: string;
  log_end: string;
  page_start: string;
  /** Absent where the entries were not weighed. */
  entry_count?: number;
  bytes?: string | null;
  /** null where there are none, or too many bytes of them. */
  data: string | null;
  types: string | null;
  metadata: string | null;
  provenance?: string | null;
  newest_sequence_id?: string | null;
  newest_snapshot?: string | null;
}

interface RowOptions extends PageForm {
  logId: string;
  start: SequenceId | 'snapshot' | 'start';
  end: SequenceId | 'end';
  size: number;
  maxBytes: number;
  withNewest: boolean;
}

async function readRow(db: Database, { logId, start, end, size, maxBytes, ...form }: RowOptions): Promise<PageRow> {
  const last = end === 'end' || end > MAX_SEQUENCE_ID ? MAX_SEQUENCE_ID : end < 0n ? 0n : end;
  const from = typeof start === 'bigint' ? BigInt(sequenceIdParameter(start)) : undefined;
  const to = from === undefined || last < from + BigInt(size) ? last : from + BigInt(size);
  const isUnweighed = from !== undefined && to - from <= MAX_UNWEIGHED && maxBytes === MAX_PAGE_BYTES;
  const statement = pageStatement(db.schema, {
    ...form,
    start: typeof start === 'bigint' ? 'id' : start,
    maxBytes: isUnweighed ? undefined : maxBytes,
  });
  const { rows } = await db.query(statement, [logId, from === undefined ? size : from.toString(), to.toString()]);
  if (!rows[0]) {
    throw new LogNotFoundError(logId);
  }
  return rows[0];
}

function pageOf(row: PageRow, snapshotId: SequenceId | undefined): Page {
  const { data, types, metadata, provenance } = row;
  const newest = row.newest_sequence_id == null ? undefined : BigInt(row.newest_sequence_id);
  return {
    startSequenceId: BigInt(row.page_start),
    logEnd: BigInt(row.log_end),
    ...(newest === undefined || newest === snapshotId
      ? {}
      : { lastSnapshot: { sequenceId: newest, blobId: row.newest_snapshot as string } }),
    data,
    types,
    metadata,
    ...(provenance === undefined ? {} : { provenance }),
  };
}

function checkRange(start: SequenceId | string, end: SequenceId | string): void {
  if (start !== 'start' && start !== 'snapshot') {
    checkSequenceId(start);
  }
  if (end !== 'end') {
    checkSequenceId(end);
  }
}
