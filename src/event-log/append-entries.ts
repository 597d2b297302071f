import { ConflictError, LogNotFoundError, UnknownWorkflowError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { splitEntry } from './entry-data.ts';
import type { AddEntryValue, LogEntry, SequenceId } from './event-log.ts';
import { checkSequenceId } from './names.ts';

export interface AppendOptions {
  /** The next sequence id as the caller knows it; 'any': wherever the log ends. */
  expect: SequenceId | 'any';
  /** The snapshot the caller knows: the newest one is returned where it differs. */
  snapshotId?: SequenceId | undefined;
  /** Who, and because of what: kept with the entries and the work they ask for. */
  actor?: string | undefined;
  correlationId?: string | undefined;
  causationId?: string | undefined;
}

/**
 * Appends entries, all or nothing, in one round trip. A refusal changes nothing and leaves a caller's transaction usable.
 * @throws ConflictError, LogNotFoundError, UnknownWorkflowError, InvalidInputError
 */
export async function appendEntries(
  db: Database,
  logId: string,
  entries: readonly LogEntry[],
  options: AppendOptions,
): Promise<AddEntryValue> {
  const { expect, snapshotId, actor, correlationId, causationId } = options;
  const stored = entries.map(splitEntry);
  const column = (name: 'snapshot' | 'history' | 'pending') =>
    stored.some((entry) => entry[name] !== null) ? stored.map((entry) => entry[name]) : null;
  const { rows } = await db.query(
    `select status, next_sequence_id, snapshot_sequence_id, snapshot, unknown
     from ${db.schema}.append_entries($1::text, $2::bigint, $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text, $9::text, $10::text, $11::bigint)`,
    [
      logId,
      expect === 'any' ? null : checkSequenceId(expect).toString(),
      stored.map((entry) => entry.type),
      stored.map((entry) => entry.data),
      column('snapshot'),
      column('history'),
      column('pending'),
      actor ?? null,
      correlationId ?? null,
      causationId ?? null,
      snapshotId?.toString() ?? null,
    ],
  );
  const row = rows[0];
  switch (row.status) {
    case 'log_not_found':
      throw new LogNotFoundError(logId);
    case 'unknown_workflow':
      throw new UnknownWorkflowError(row.unknown);
    case 'conflict':
      throw new ConflictError(expect === 'any' ? BigInt(row.next_sequence_id) : expect, BigInt(row.next_sequence_id));
    default:
      return {
        nextSequenceId: BigInt(row.next_sequence_id),
        ...(row.snapshot === null ? {} : { lastSnapshot: { sequenceId: BigInt(row.snapshot_sequence_id), blobId: row.snapshot } }),
      };
  }
}
