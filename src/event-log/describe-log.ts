import type { Database } from '../postgres/queryable.ts';
import type { HistoryValue, SnapshotValue } from './event-log.ts';
import { readLastHistory } from './last-history.ts';
import { type LogInfo, readLog } from './read-log.ts';

export interface LogDescription extends LogInfo {
  lastSnapshot?: SnapshotValue;
  lastHistory?: HistoryValue;
  /** Entries whose work is not done. */
  pending: number;
}

/** @throws LogNotFoundError */
export async function describeLog(db: Database, logId: string): Promise<LogDescription> {
  const [log, { rows }, lastHistory] = await Promise.all([
    readLog(db, logId),
    db.query(
      `select s.sequence_id, s.snapshot, p.pending
       from (select count(*)::integer as pending from ${db.schema}.entries where log_id = $1::text and pending is not null) p
       left join lateral (
         select sequence_id, snapshot from ${db.schema}.entries where log_id = $1::text and snapshot is not null order by sequence_id desc limit 1
       ) s on true`,
      [logId],
    ),
    readLastHistory(db, logId),
  ]);
  const { sequence_id: sequenceId, snapshot, pending } = rows[0];
  return {
    ...log,
    ...(snapshot === null ? {} : { lastSnapshot: { sequenceId: BigInt(sequenceId), blobId: snapshot } }),
    ...(lastHistory === undefined ? {} : { lastHistory }),
    pending,
  };
}
