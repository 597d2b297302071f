import type { SequenceId } from '../event-log/event-log.ts';
import type { Database } from '../postgres/queryable.ts';

/**
 * Drops from a log what was archived for the compaction of entry `sequenceId`, up to there or to the first entry that still waits for work
 * of the application's own. For the transaction that sets the entry's `history`, before it does; locks the log until that ends.
 * @returns the first entry held now; undefined where this entry asks for no compaction any more: nothing was dropped
 */
export async function truncateArchived(db: Database, logId: string, sequenceId: SequenceId): Promise<SequenceId | undefined> {
  const { rows } = await db.query(`select ${db.schema}.truncate_archived($1::text, $2::bigint) as first`, [logId, sequenceId.toString()]);
  return rows[0].first === null ? undefined : BigInt(rows[0].first);
}
