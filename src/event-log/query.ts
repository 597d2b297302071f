import { InvalidInputError, LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { decodeEntry } from './entry-text.ts';
import type { LogEntry, LogMetadata, QueryValue, SequenceId } from './event-log.ts';
import { checkSequenceId, MAX_SEQUENCE_ID, sequenceIdParameter } from './sequence-id.ts';

export interface QueryOptions {
  logId: string;
  start: SequenceId | 'snapshot' | 'start';
  end: SequenceId | 'end';
  /** The newest snapshot that the caller knows of: a newer one is returned. */
  snapshotId?: SequenceId | undefined;
  /** Most entries. */
  pageSize: number;
}

/** A page is cut before this many bytes of data, so that entries of 1 MB do not fill the memory; one entry is always given. */
const MAX_PAGE_BYTES = 16 * 1_048_576;

/** How many bytes an entry's data is as text, without unpacking what is not compressed. */
const DATA_BYTES = `case when pg_column_compression(e.data) is null then pg_column_size(e.data) else octet_length(e.data::text) end`;

/**
 * One page of entries in one round trip, all of it as of one moment.
 *
 * The page travels as one JSON array and is parsed as a whole: 1M small entries in pages of 10,000 take 1.1 s against 1.2 s as
 * rows and 1.6 s with the size of each summed on the way. So the size of the range is summed first, and only a range that
 * is too large is looked at entry by entry.
 * @throws LogNotFoundError, SequenceRangeError, InvalidInputError
 */
export async function queryEntries<T extends LogEntry>(db: Database, options: QueryOptions): Promise<QueryValue<T>> {
  const { logId, start, end, snapshotId, pageSize } = options;
  const { rows } = await db.query(sqlOf(db.schema), [
    logId,
    typeof start === 'string' ? checkStart(start) : null,
    typeof start === 'string' ? null : sequenceIdOf(start),
    end === 'end' ? null : endParameter(end),
    pageSize,
    snapshotId !== undefined || start === 'snapshot',
  ]);
  const [row] = rows;
  if (!row) {
    throw new LogNotFoundError(logId);
  }
  const logEnd = BigInt(row.log_end);
  if (row.page_start === null) {
    throw new SequenceRangeError(start as SequenceId, BigInt(row.log_start), logEnd);
  }
  const startSequenceId = BigInt(row.page_start);
  const entries = decodePage<T>(startSequenceId, parsed(row.data), parsed(row.types), parsed(row.metadata));
  const endSequenceId = startSequenceId + BigInt(entries.length);
  const wantedEnd = end === 'end' || end > logEnd ? logEnd : end;
  const newest = row.newest_sequence_id === null ? undefined : { sequenceId: BigInt(row.newest_sequence_id), blobId: row.newest_snapshot };
  return {
    startSequenceId,
    endSequenceId,
    isComplete: endSequenceId >= wantedEnd,
    ...(newest && snapshotId !== undefined && newest.sequenceId !== snapshotId ? { lastSnapshot: newest } : {}),
    entries,
  };
}

const sqlOf = (schema: string) => `
  with log as materialized (
    select first_sequence_id as log_start, next_sequence_id as log_end from ${schema}.logs where id = $1::text
  ), newest as materialized (
    select e.sequence_id, e.snapshot from ${schema}.entries e
    where $6::boolean and e.log_id = $1::text and e.snapshot is not null
    order by e.sequence_id desc limit 1
  ), wanted as materialized (
    select case $2::text
        when 'start' then log_start
        when 'snapshot' then coalesce((select sequence_id from newest), log_start)
        else $3::bigint end as page_start,
      log_start, log_end
    from log
  ), page_range as materialized (
    select page_start, least($4::bigint, log_end, page_start + $5::integer) as page_end
    from wanted where page_start between log_start and log_end
  ), cut as materialized (
    select case
      when (
        select sum(${DATA_BYTES}) from ${schema}.entries e
        where e.log_id = $1::text
          and e.sequence_id >= (select page_start from page_range) and e.sequence_id < (select page_end from page_range)
      ) <= ${MAX_PAGE_BYTES} then (select page_end from page_range)
      else (
        select max(s.sequence_id) + 1
        from (
          select e.sequence_id, sum(${DATA_BYTES}) over (order by e.sequence_id) as bytes, row_number() over (order by e.sequence_id) as number
          from ${schema}.entries e
          where e.log_id = $1::text
            and e.sequence_id >= (select page_start from page_range) and e.sequence_id < (select page_end from page_range)
        ) s
        where s.number = 1 or s.bytes <= ${MAX_PAGE_BYTES}
      ) end as page_end
  )
  select w.log_start, w.log_end, (select page_start from page_range) as page_start, p.data, p.types, p.metadata,
    n.sequence_id as newest_sequence_id, n.snapshot as newest_snapshot
  from wanted w
  left join newest n on true
  cross join (
    select json_agg(e.data)::text as data, json_agg(e.type)::text as types,
      (json_agg(json_build_array(e.sequence_id - (select page_start from page_range), e.snapshot, e.history, e.pending))
        filter (where e.snapshot is not null or e.history is not null or e.pending is not null))::text as metadata
    from (
      select e.sequence_id, e.type, e.data, e.snapshot, e.history, e.pending from ${schema}.entries e
      where e.log_id = $1::text
        and e.sequence_id >= (select page_start from page_range) and e.sequence_id < (select page_end from cut)
      order by e.sequence_id
    ) e
  ) p`;

type MetadataRow = [index: number, snapshot: string | null, history: string | null, pending: string | null];

function decodePage<T extends LogEntry>(start: SequenceId, data: unknown[], types: unknown[], metadata: unknown[]): T[] {
  const entries = data as T[];
  const marked = new Map((metadata as MetadataRow[]).map(([index, ...values]) => [index, metadataOf(...values)]));
  for (let index = 0; index < entries.length; index += 1) {
    entries[index] = decodeEntry<T>(start, index, types[index] as string, data[index], marked.get(index));
  }
  return entries;
}

function metadataOf(snapshot: string | null, history: string | null, pending: string | null): LogMetadata {
  return {
    ...(snapshot === null ? {} : { snapshot }),
    ...(history === null ? {} : { history }),
    ...(pending === null ? {} : { pending }),
  };
}

function parsed(text: string | null): unknown[] {
  return text === null ? [] : JSON.parse(text);
}

function checkStart(start: string): string {
  if (start !== 'start' && start !== 'snapshot') {
    throw new InvalidInputError(`A query starts at a sequence id, 'start' or 'snapshot', not at '${start.slice(0, 60)}'.`);
  }
  return start;
}

function sequenceIdOf(start: SequenceId): string {
  checkSequenceId(start);
  return sequenceIdParameter(start);
}

/** Beyond every log is as good as its end. */
function endParameter(end: SequenceId): string {
  checkSequenceId(end);
  return (end > MAX_SEQUENCE_ID ? MAX_SEQUENCE_ID : end < 0n ? 0n : end).toString();
}
