import type { Database } from '../postgres/queryable.ts';
import type { LogEntry, SequenceId } from './event-log.ts';

/** One entry with its metadata; undefined where the log does not hold it. */
export async function readEntry(db: Database, logId: string, sequenceId: SequenceId): Promise<LogEntry | undefined> {
  const { rows } = await db.query(
    `select type, data, snapshot, history, pending from ${db.schema}.entries where log_id = $1::text and sequence_id = $2::bigint`,
    [logId, sequenceId.toString()],
  );
  if (!rows[0]) {
    return undefined;
  }
  const { type, data, snapshot, history, pending } = rows[0];
  return {
    ...data,
    type,
    ...(snapshot === null ? {} : { snapshot }),
    ...(history === null ? {} : { history }),
    ...(pending === null ? {} : { pending }),
  };
}
