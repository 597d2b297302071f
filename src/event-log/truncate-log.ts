import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { SequenceId } from './event-log.ts';
import { checkSequenceId } from './names.ts';

/** Drops the entries before `start`. @throws SequenceRangeError, LogNotFoundError */
export async function truncateLog(db: Database, logId: string, start: SequenceId): Promise<void> {
  const { rows } = await db.query(
    `select status, first_sequence_id, next_sequence_id from ${db.schema}.truncate_log($1::text, $2::bigint)`,
    [logId, checkSequenceId(start).toString()],
  );
  const row = rows[0];
  if (row.status === 'log_not_found') {
    throw new LogNotFoundError(logId);
  }
  if (row.status === 'out_of_range') {
    throw new SequenceRangeError(start, BigInt(row.first_sequence_id), BigInt(row.next_sequence_id));
  }
}
