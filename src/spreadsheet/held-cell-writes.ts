/**
 * The writes to one cell among the entries that a log holds. Postgres reads the entries and gives only the cell of each that is a write: one of an import is 128 KB.
 * It reads them in windows, of as many as took about 100 ms before: entries differ by a factor of a thousand.
 */
import { LogNotFoundError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { MAX_SEQUENCE_ID } from '../event-log/sequence-id.ts';
import type { Database } from '../postgres/queryable.ts';
import { ERASED } from './cell.ts';
import type { CellWrite } from './cell-writes.ts';

export interface HeldWritesOptions {
  db: Database;
  logId: string;
  row: number;
  column: number;
  before?: SequenceId | undefined;
  limit: number;
  /** As performance.now(). */
  deadline: number;
  signal?: AbortSignal | undefined;
}

export interface HeldWrites {
  /** Newest first. */
  writes: CellWrite[];
  /** All entries from here on were looked through, up to `before`. */
  position: SequenceId;
  /** The first entry that the log holds. */
  first: SequenceId;
}

const FIRST_WINDOW = 100;
const LARGEST_WINDOW = 100_000;
const WINDOW_MS = 100;

/** @throws LogNotFoundError */
export async function readHeldWrites({
  before = MAX_SEQUENCE_ID,
  limit,
  deadline,
  signal,
  ...where
}: HeldWritesOptions): Promise<HeldWrites> {
  const writes: CellWrite[] = [];
  let position = before;
  let size = FIRST_WINDOW;
  for (;;) {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const window = await readWindow({ ...where, before: position, size, limit: limit - writes.length });
    writes.push(...window.writes);
    const { first, start } = window;
    // The rest of a full window was not looked at.
    position = writes.length === limit ? (writes.at(-1) as CellWrite).sequenceId : start;
    if (position <= first || writes.length === limit || performance.now() > deadline) {
      return { writes, position, first };
    }
    const took = Math.max(performance.now() - startedAt, 1);
    size = Math.min(LARGEST_WINDOW, Math.max(1, Math.floor(size * Math.min(8, Math.max(0.25, WINDOW_MS / took)))));
  }
}

interface Window {
  db: Database;
  logId: string;
  row: number;
  column: number;
  before: SequenceId;
  size: number;
  limit: number;
}

async function readWindow({ db, logId, row, column, before, size, limit }: Window) {
  const { rows } = await db.query(statementFor(db.schema), [logId, String(before), size, limit, row, column]);
  if (rows[0] === undefined) {
    throw new LogNotFoundError(logId);
  }
  const first = BigInt(rows[0].first_sequence_id);
  const start = BigInt(rows[0].window_start);
  const writes = rows.flatMap((found): CellWrite[] =>
    found.sequence_id === null
      ? []
      : [
          {
            sequenceId: BigInt(found.sequence_id),
            type: found.type,
            value: found.value,
            ...(found.format === null || found.value === null ? {} : { format: found.format }),
            actor: found.actor ?? undefined,
            committedAt: found.committed_at,
          },
        ],
  );
  // Truncated meanwhile, the log begins behind what was looked through before.
  return { first, start: start > first ? start : first < before ? first : before, writes };
}

/**
 * One row at least, as of one moment. What is no number in an entry that went past the edge is no write, not an error.
 * The same in TypeScript, for archived entries: archived-cell-writes.ts.
 */
function statementFor(schema: string): string {
  const isWithin = (field: string, place: string, size: string) =>
    `case when (r ->> '${field}') ~ '^[0-9]{1,10}$' and (r ->> '${size}') ~ '^[0-9]{1,10}$'
       then ${place}::bigint - (r ->> '${field}')::bigint between 0 and (r ->> '${size}')::bigint - 1 else false end`;
  return `
  select l.first_sequence_id, l.window_start, w.*
  from (
    select l.first_sequence_id, least($2::bigint, l.next_sequence_id) as window_end,
      least($2::bigint, l.next_sequence_id) - $3::integer as window_start
    from ${schema}.logs l where l.id = $1::text
  ) l
  left join lateral (
    select e.sequence_id, e.type, e.actor, to_char(e.committed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as committed_at,
      v.value, case when e.type <> 'EraseCells' then d.format end as format
    from ${schema}.entries e
    cross join lateral json_to_record(e.data)
      as d ("row" text, "column" text, "value" json, "format" text, "values" json, "ranges" json)
    cross join lateral (
      select case e.type
        when 'SetCellValueAndFormat' then
          case when d."row" = $5::integer::text and d."column" = $6::integer::text then coalesce(d."value", 'null'::json) end
        when 'SetCellRange' then
          case when d."row" ~ '^[0-9]{1,10}$' and d."column" ~ '^[0-9]{1,10}$' then
            case when d."row"::bigint <= $5::integer and d."column"::bigint <= $6::integer then
              d."values" -> ($5::integer - d."row"::bigint)::integer -> ($6::integer - d."column"::bigint)::integer
            end
          end
        when 'EraseCells' then
          (select '"${ERASED}"'::json from json_array_elements(d."ranges") r
           where ${isWithin('row', '$5', 'rowCount')} and ${isWithin('column', '$6', 'columnCount')} limit 1)
      end as value
    ) v
    where e.log_id = $1::text and e.sequence_id >= l.window_start and e.sequence_id < l.window_end
      and e.type in ('SetCellValueAndFormat', 'SetCellRange', 'EraseCells') and v.value is not null
    order by e.sequence_id desc limit $4::integer
  ) w on true
  order by w.sequence_id desc`;
}
