import type { Database } from '../postgres/queryable.ts';
import type { SequenceId, WorkflowId } from './event-log.ts';

export interface PendingEntry {
  sequenceId: SequenceId;
  workflow: WorkflowId;
}

/** The entries of a log that are pending, oldest first, by an index of those alone. A missing log has none. */
export async function queryPendingEntries(db: Database, logId: string): Promise<PendingEntry[]> {
  const { rows } = await db.query(
    `select sequence_id, pending from ${db.schema}.entries where log_id = $1::text and pending is not null order by sequence_id`,
    [logId],
  );
  return rows.map((row) => ({ sequenceId: BigInt(row.sequence_id), workflow: row.pending }));
}
