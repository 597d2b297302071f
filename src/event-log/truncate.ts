import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { SequenceId } from './event-log.ts';
import { checkSequenceId, sequenceIdParameter } from './sequence-id.ts';

/**
 * Drops the entries before `start`; the ids of what is left, and of what comes, stay the same.
 * @throws SequenceRangeError for a start before the first entry held or after the end; LogNotFoundError
 */
export async function truncateLog(db: Database, logId: string, start: SequenceId): Promise<void> {
  checkSequenceId(start);
  const { rows } = await db.query(
    `select status, first_sequence_id, next_sequence_id from ${db.schema}.truncate_log($1::text, $2::bigint)`,
    [logId, sequenceIdParameter(start)],
  );
  const [row] = rows;
  if (row.status === 'log_not_found') {
    throw new LogNotFoundError(logId);
  }
  if (row.status === 'out_of_range') {
    throw new SequenceRangeError(start, BigInt(row.first_sequence_id), BigInt(row.next_sequence_id));
  }
}
