import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { ReadStoredEntries, StoredEntry } from './stored-entry.ts';

/** Weight of one answer: as stored, or unpacked where Postgres has compressed it. A single entry may be more. */
const MAX_BYTES = 4 * 1_048_576;
const MAX_ENTRIES = 2_000;

/**
 * Reads a log's entries whole, in answers of bounded weight. Entries of which many fill an answer are asked for in fewer next time, because
 * weighing those that are compressed means to unpack them.
 * @throws SequenceRangeError, LogNotFoundError
 */
export function storedEntriesInPostgres(db: Database, logId: string): ReadStoredEntries {
  let limit = 100;

  return async (from, to) => {
    const { rows } = await db.query(
      `select w.sequence_id, w.type, w.data::text as data, w.snapshot, w.history, w.actor, w.correlation_id, w.causation_id,
         to_char(w.committed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as committed_at, w.bytes
       from (
         select e.*, sum(case when pg_column_compression(e.data) is null then pg_column_size(e.data) else octet_length(e.data::text) end)
           over (order by e.sequence_id) as bytes
         from (
           select * from ${db.schema}.entries
           where log_id = $1::text and sequence_id >= $2::bigint and sequence_id < $3::bigint order by sequence_id limit $4::integer
         ) e
       ) w
       where w.bytes <= $5::bigint or w.sequence_id = $2::bigint
       order by w.sequence_id`,
      [logId, from.toString(), to.toString(), limit, MAX_BYTES],
    );
    if (rows[0]?.sequence_id === undefined || BigInt(rows[0].sequence_id) !== from) {
      return refuse(db, logId, from);
    }
    const weight = Math.max(1, Number(rows.at(-1).bytes) / rows.length);
    limit = Math.max(1, Math.min(MAX_ENTRIES, Math.floor(MAX_BYTES / weight)));
    return rows.map(entryOf);
  };
}

async function refuse(db: Database, logId: string, from: bigint): Promise<never> {
  const { rows } = await db.query(`select first_sequence_id, next_sequence_id from ${db.schema}.logs where id = $1::text`, [logId]);
  if (!rows[0]) {
    throw new LogNotFoundError(logId);
  }
  throw new SequenceRangeError(from, BigInt(rows[0].first_sequence_id), BigInt(rows[0].next_sequence_id));
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the driver returns it
function entryOf(row: any): StoredEntry {
  return {
    type: row.type,
    data: row.data,
    committedAt: row.committed_at,
    actor: row.actor ?? undefined,
    correlationId: row.correlation_id ?? undefined,
    causationId: row.causation_id ?? undefined,
    snapshot: row.snapshot ?? undefined,
    history: row.history ?? undefined,
  };
}
