import { InvalidInputError, LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { decodeEntry } from './entry-text.ts';
import type { EventLog, LogEntry, LogMetadata, QueryValue, SequenceId, SnapshotValue } from './event-log.ts';
import { checkSequenceId, MAX_SEQUENCE_ID, sequenceIdParameter } from './sequence-id.ts';

type QueryStart = SequenceId | 'snapshot' | 'start';

export type EntryQuery<T extends LogEntry> = (db: Database, ...range: Parameters<EventLog<T>['query']>) => Promise<QueryValue<T>>;

/** Most bytes of data in a page of several entries, so that large entries do not fill the memory. */
const MAX_PAGE_BYTES = 16 * 1_048_576;

/**
 * Reads pages of a log, each in one round trip and as of one moment.
 *
 * A page travels as one JSON array and is parsed as a whole. The bytes it would have are summed first, without unpacking what is
 * not compressed; where they are too many a shorter page is asked for, and the next ones begin as short.
 * @throws LogNotFoundError, SequenceRangeError, InvalidInputError
 */
export function createEntryQuery<T extends LogEntry>({ logId, pageSize }: { logId: string; pageSize: number }): EntryQuery<T> {
  let likelySize = pageSize;

  return async function queryEntries(db, start, end, snapshotId) {
    const range = { logId, start: checkStart(start), end: checkEnd(end), withNewest: snapshotId !== undefined };
    for (let size = likelySize; ; ) {
      const page = await readPage(db, { ...range, size });
      if (page.start < page.logStart || page.start > page.logEnd) {
        throw new SequenceRangeError(page.start, page.logStart, page.logEnd);
      }
      const fitting = page.bytes === 0 ? pageSize : Math.max(1, Math.floor((MAX_PAGE_BYTES / page.bytes) * page.count));
      likelySize = Math.min(pageSize, fitting);
      if (page.data !== null || page.count === 0) {
        return valueOf<T>(page, end, snapshotId);
      }
      // Some are larger than others: at least halve it.
      size = Math.min(fitting, Math.ceil(page.count / 2));
    }
  };
}

interface Page {
  logStart: SequenceId;
  logEnd: SequenceId;
  start: SequenceId;
  count: number;
  bytes: number;
  /** null where there are none, or too many bytes of them. */
  data: string | null;
  types: string | null;
  metadata: string | null;
  newest: string | null;
}

interface PageOptions {
  logId: string;
  start: QueryStart;
  end: string | null;
  size: number;
  withNewest: boolean;
}

const START = {
  start: 'l.first_sequence_id',
  snapshot: `coalesce((select e.sequence_id from entries e where e.log_id = $1::text and e.snapshot is not null order by e.sequence_id desc limit 1), l.first_sequence_id)`,
};

async function readPage(db: Database, { logId, start, end, size, withNewest }: PageOptions): Promise<Page> {
  return undefined as never;
}
