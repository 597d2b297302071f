import type { Database } from '../postgres/queryable.ts';
import type { SequenceId, SnapshotValue } from './event-log.ts';

export interface ListSnapshotsOptions {
  logId: string;
  /** Only on entries up to and with this one. */
  upTo?: SequenceId | undefined;
  limit: number;
}

export interface StoredSnapshot extends SnapshotValue {
  /** When its entry was appended, as ISO 8601. */
  committedAt: string;
}

/** Snapshots on entries that a log holds, newest first, by an index of those alone. A missing log has none. */
export async function listSnapshots(db: Database, { logId, upTo, limit }: ListSnapshotsOptions): Promise<StoredSnapshot[]> {
  const { rows } = await db.query(
    `select sequence_id, snapshot, to_char(committed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as committed_at
     from ${db.schema}.entries
     where log_id = $1::text and snapshot is not null and ($2::bigint is null or sequence_id <= $2::bigint)
     order by sequence_id desc limit $3::integer`,
    [logId, upTo === undefined ? null : String(upTo), limit],
  );
  return rows.map((row) => ({ sequenceId: BigInt(row.sequence_id), blobId: row.snapshot, committedAt: row.committed_at }));
}
