import { LogNotFoundError, SequenceRangeError, TidemarkError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { decodeEntry } from './entry-data.ts';
import type { EventLog, LogEntry, LogMetadata, QueryValue, SequenceId } from './event-log.ts';
import { pageStatement, TYPE_SEPARATOR } from './page-statement.ts';
import { checkSequenceId, MAX_SEQUENCE_ID, sequenceIdParameter } from './sequence-id.ts';

/** Most bytes of data in a page of many entries, so that large ones do not fill the memory. */
const MAX_PAGE_BYTES = 16 * 1_048_576;
/** So few entries, of at most 1 MB each, are not weighed first: that is a quarter of what reading them costs. */
const MAX_UNWEIGHED = 128;

export type EntryQuery<T extends LogEntry> = (db: Database, ...range: Parameters<EventLog<T>['query']>) => Promise<QueryValue<T>>;

/**
 * Reads pages of a log, each in one round trip and as of one moment. A page of more than 16 MB is asked for again, shorter, and the
 * next ones begin as short.
 * @throws LogNotFoundError, SequenceRangeError, InvalidInputError
 */
export function createEntryQuery<T extends LogEntry>({ logId, pageSize }: { logId: string; pageSize: number }): EntryQuery<T> {
  let likelySize = pageSize;

  return async function queryEntries(db, start, end, snapshotId) {
    checkRange(start, end);
    for (let size = likelySize; ; ) {
      const page = await readPage(db, { logId, start, end, size, withNewest: snapshotId !== undefined });
      const { log_start, log_end, entry_count: count, bytes } = page;
      if (BigInt(page.page_start) < BigInt(log_start) || BigInt(page.page_start) > BigInt(log_end)) {
        throw new SequenceRangeError(start as SequenceId, BigInt(log_start), BigInt(log_end));
      }
      const fitting = count ? Math.max(1, Math.floor((MAX_PAGE_BYTES / Number(bytes)) * count)) : pageSize;
      if (count) {
        likelySize = Math.min(pageSize, fitting);
      }
      if (page.data !== null || !count) {
        return pageValue<T>(page, end, snapshotId);
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
  newest_sequence_id?: string | null;
  newest_snapshot?: string | null;
}

interface PageOptions {
  logId: string;
  start: SequenceId | 'snapshot' | 'start';
  end: SequenceId | 'end';
  size: number;
  withNewest: boolean;
}

async function readPage(db: Database, { logId, start, end, size, withNewest }: PageOptions): Promise<PageRow> {
  const last = end === 'end' || end > MAX_SEQUENCE_ID ? MAX_SEQUENCE_ID : end < 0n ? 0n : end;
  const from = typeof start === 'bigint' ? BigInt(sequenceIdParameter(start)) : undefined;
  const to = from === undefined || last < from + BigInt(size) ? last : from + BigInt(size);
  const maxBytes = from !== undefined && to - from <= MAX_UNWEIGHED ? undefined : MAX_PAGE_BYTES;
  const statement = pageStatement(db.schema, { start: typeof start === 'bigint' ? 'id' : start, maxBytes, withNewest });
  const { rows } = await db.query(statement, [logId, from === undefined ? size : from.toString(), to.toString()]);
  if (!rows[0]) {
    throw new LogNotFoundError(logId);
  }
  return rows[0];
}

function pageValue<T extends LogEntry>(page: PageRow, end: SequenceId | 'end', snapshotId: SequenceId | undefined): QueryValue<T> {
  const startSequenceId = BigInt(page.page_start);
  const logEnd = BigInt(page.log_end);
  const entries = decodePage<T>(startSequenceId, page);
  const endSequenceId = startSequenceId + BigInt(entries.length);
  const newest = page.newest_sequence_id == null ? undefined : BigInt(page.newest_sequence_id);
  return {
    startSequenceId,
    endSequenceId,
    isComplete: endSequenceId >= (end === 'end' || end > logEnd ? logEnd : end),
    ...(newest === undefined || newest === snapshotId
      ? {}
      : { lastSnapshot: { sequenceId: newest, blobId: page.newest_snapshot as string } }),
    entries,
  };
}

type MetadataRow = [index: number, snapshot: string | null, history: string | null, pending: string | null];

function decodePage<T extends LogEntry>(start: SequenceId, { data, types, metadata }: PageRow): T[] {
  if (data === null || types === null) {
    return [];
  }
  const values = JSON.parse(`[${data}]`) as unknown[];
  const names = types.split(TYPE_SEPARATOR);
  if (names.length !== values.length) {
    throw new TidemarkError('corrupt_entry', `An entry from ${start} on has a type with a control character. Correct it in the database.`);
  }
  const marked = metadata === null ? [] : (JSON.parse(metadata) as MetadataRow[]);
  const metadataAt = new Map(marked.map(([index, ...fields]) => [index, metadataOf(...fields)]));
  return values.map((value, index) => decodeEntry<T>(start, index, names[index] as string, value, metadataAt.get(index)));
}

function metadataOf(snapshot: string | null, history: string | null, pending: string | null): LogMetadata {
  return {
    ...(snapshot === null ? {} : { snapshot }),
    ...(history === null ? {} : { history }),
    ...(pending === null ? {} : { pending }),
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
