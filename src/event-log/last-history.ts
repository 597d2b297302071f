import type { Database } from '../postgres/queryable.ts';
import type { HistoryValue } from './event-log.ts';

/** The newest entry of a log that has a history, by an index of those alone. A missing log has none. */
export async function readLastHistory(db: Database, logId: string): Promise<HistoryValue | undefined> {
  const { rows } = await db.query(
    `select sequence_id, history from ${db.schema}.entries
     where log_id = $1::text and history is not null order by sequence_id desc limit 1`,
    [logId],
  );
  return rows[0] && { sequenceId: BigInt(rows[0].sequence_id), blobId: rows[0].history };
}
