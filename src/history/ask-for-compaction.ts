import type { SequenceId } from '../event-log/event-log.ts';
import { readLog } from '../event-log/read-log.ts';
import { setEntryMetadata } from '../event-log/set-metadata.ts';
import type { Database } from '../postgres/queryable.ts';

export type AskForCompactionValue =
  | { status: 'asked' | 'open'; workId: string; sequenceId: SequenceId }
  /** At most one entry is held, or the newest ones wait for work of their own. */
  | { status: 'nothing-to-do' };

/**
 * Asks for a compaction on the newest entry that waits for nothing else. One that is open already, and not dead, is enough.
 * @throws LogNotFoundError
 */
export async function askForCompaction(db: Database, logId: string): Promise<AskForCompactionValue> {
  const { firstSequenceId } = await readLog(db, logId);
  const open = await db.query(
    `select e.sequence_id from ${db.schema}.entries e
     left join ${db.schema}.work w on w.id = 'compact/' || e.log_id || '/' || e.sequence_id
     where e.log_id = $1::text and e.pending = 'compact' and w.state is distinct from 'dead'
     order by e.sequence_id desc limit 1`,
    [logId],
  );
  if (open.rows[0]) {
    return onEntry('open', logId, BigInt(open.rows[0].sequence_id));
  }
  const newest = await db.query(
    `select sequence_id from ${db.schema}.entries
     where log_id = $1::text and sequence_id > $2::bigint and pending is null order by sequence_id desc limit 1`,
    [logId, firstSequenceId.toString()],
  );
  if (!newest.rows[0]) {
    return { status: 'nothing-to-do' };
  }
  const sequenceId = BigInt(newest.rows[0].sequence_id);
  await setEntryMetadata(db, logId, sequenceId, { pending: 'compact' });
  return onEntry('asked', logId, sequenceId);
}

function onEntry(status: 'asked' | 'open', logId: string, sequenceId: SequenceId): AskForCompactionValue {
  return { status, workId: `compact/${logId}/${sequenceId}`, sequenceId };
}
