import { LogNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { SequenceId } from './event-log.ts';

export interface LogInfo {
  id: string;
  type: string;
  typeVersion: number;
  settings: Record<string, unknown>;
  snapshotEvery?: number;
  compactEvery?: number;
  /** Absent: the default. */
  keepSnapshots?: number;
  keepDays?: number;
  firstSequenceId: SequenceId;
  nextSequenceId: SequenceId;
  createdAt: Date;
}

/** Of table logs, for logInfoOf. */
export const LOG_COLUMNS =
  'id, type, type_version, settings, snapshot_every, compact_every, keep_snapshots, keep_days, first_sequence_id, next_sequence_id, created_at';

/** @throws LogNotFoundError */
export async function readLog(db: Database, logId: string): Promise<LogInfo> {
  const { rows } = await db.query(`select ${LOG_COLUMNS} from ${db.schema}.logs where id = $1::text`, [logId]);
  if (!rows[0]) {
    throw new LogNotFoundError(logId);
  }
  return logInfoOf(rows[0]);
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
export function logInfoOf(row: any): LogInfo {
  return {
    id: row.id,
    type: row.type,
    typeVersion: row.type_version,
    settings: row.settings,
    ...(row.snapshot_every === null ? {} : { snapshotEvery: row.snapshot_every }),
    ...(row.compact_every === null ? {} : { compactEvery: row.compact_every }),
    ...(row.keep_snapshots === null ? {} : { keepSnapshots: row.keep_snapshots }),
    ...(row.keep_days === null ? {} : { keepDays: row.keep_days }),
    firstSequenceId: BigInt(row.first_sequence_id),
    nextSequenceId: BigInt(row.next_sequence_id),
    createdAt: row.created_at,
  };
}
