import { ConflictError, IdempotencyKeyReusedError, LogNotFoundError, UnknownWorkflowError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { encodeEntries } from './entry-data.ts';
import type { AddEntryValue, LogEntry, SequenceId } from './event-log.ts';
import { checkSequenceId, sequenceIdParameter } from './sequence-id.ts';

/** An append that takes effect once, however often it is asked for within 24 hours. */
export interface Once {
  /** Whose key it is: another one's is another key. */
  owner: string;
  /** 1 to 200 bytes. */
  key: string;
  /** Hash of what is asked for, hexadecimal: a key stands for one request. */
  request: string;
}

export interface AppendOptions {
  logId: string;
  /** Where the log must end for it; 'any': wherever it ends. */
  sequenceId: SequenceId | 'any';
  /** The newest snapshot that the caller knows of: a newer one is returned. */
  snapshotId?: SequenceId | undefined;
  /** Who, and in answer to what; kept with each entry and with the work it asks for. */
  actor?: string | undefined;
  correlationId?: string | undefined;
  causationId?: string | undefined;
  /** Costs a row more. */
  once?: Once | undefined;
}

export interface AppendValue extends AddEntryValue {
  /** Of an append with `once`: it had taken effect before, and this is what was answered then. */
  isReplayed?: boolean;
}

/**
 * Adds entries at the end of a log: all or nothing, one round trip (two where a single one is refused, or makes a snapshot due). Where the
 * log's type takes snapshots by policy, the last entry may be given `pending`. A refusal leaves the caller's transaction usable.
 * @throws ConflictError, LogNotFoundError, UnknownWorkflowError, InvalidInputError; IdempotencyKeyReusedError
 */
export async function appendEntries(db: Database, entries: readonly LogEntry[], options: AppendOptions): Promise<AppendValue> {
  const { logId, sequenceId, snapshotId, actor, correlationId, causationId, once } = options;
  if (sequenceId !== 'any') {
    checkSequenceId(sequenceId);
  }
  const encoded = encodeEntries(entries);
  const place = sequenceId === 'any' ? null : sequenceIdParameter(sequenceId);
  const provenance = [actor ?? null, correlationId ?? null, causationId ?? null];
  const [only] = encoded;
  const isPlain = encoded.length === 1 && snapshotId === undefined && once === undefined;
  if (only && isPlain && (only.snapshot ?? only.history ?? only.pending) === undefined) {
    const nextSequenceId = await appendPlainEntry(db, [logId, place, only.type, only.data, ...provenance]);
    if (nextSequenceId !== undefined) {
      return { nextSequenceId };
    }
  }
  const values = [
    logId,
    place,
    encoded.map(({ type }) => type),
    encoded.map(({ data }) => data),
    columnOf(encoded, 'snapshot'),
    columnOf(encoded, 'history'),
    columnOf(encoded, 'pending'),
    ...provenance,
    snapshotId === undefined ? null : sequenceIdParameter(snapshotId),
  ];
  const { rows } = once
    ? await db.prepared(
        `select status, next_sequence_id, snapshot_sequence_id, snapshot, unknown, replayed
         from ${db.schema}.append_entries_once(
           $12::text, $13::text, decode($14::text, 'hex'),
           ${APPEND_PARAMETERS})`,
        [...values, once.owner, once.key, once.request],
      )
    : await db.prepared(
        `select status, next_sequence_id, snapshot_sequence_id, snapshot, unknown
         from ${db.schema}.append_entries(
           ${APPEND_PARAMETERS})`,
        values,
      );
  const [row] = rows;
  switch (row.status) {
    case 'key_reused':
      throw new IdempotencyKeyReusedError(once?.key ?? '');
    case 'log_not_found':
      throw new LogNotFoundError(logId);
    case 'unknown_workflow':
      throw new UnknownWorkflowError(row.unknown);
    case 'conflict':
      throw new ConflictError(sequenceId as SequenceId, BigInt(row.next_sequence_id));
  }
  return {
    nextSequenceId: BigInt(row.next_sequence_id),
    ...(row.snapshot_sequence_id === null ? {} : { lastSnapshot: { sequenceId: BigInt(row.snapshot_sequence_id), blobId: row.snapshot } }),
    ...(row.replayed ? { isReplayed: true } : {}),
  };
}

const APPEND_PARAMETERS =
  '$1::text, $2::bigint, $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text, $9::text, $10::text, $11::bigint';

/**
 * What nearly every append is: one entry, nothing but its own fields, no snapshot due. By itself it takes two thirds of the time of
 * `append_entries`, which does the same for all that an append can be.
 * @returns undefined where it is not so simple, or not at this place: `append_entries` says which
 */
async function appendPlainEntry(db: Database, values: unknown[]): Promise<SequenceId | undefined> {
  const { rows } = await db.prepared(
    `with place as (
       update ${db.schema}.logs l set next_sequence_id = l.next_sequence_id + 1
       where l.id = $1::text and ($2::bigint is null or l.next_sequence_id = $2::bigint)
         and (l.snapshot_every is null or l.next_sequence_id + 1 - l.snapshot_mark < l.snapshot_every)
       returning l.next_sequence_id
     )
     insert into ${db.schema}.entries (log_id, sequence_id, type, data, actor, correlation_id, causation_id)
     select $1::text, p.next_sequence_id - 1, $3::text, $4::json, $5::text, $6::text, $7::text from place p
     returning sequence_id + 1 as next`,
    values,
  );
  return rows[0] && BigInt(rows[0].next);
}

/** null where no entry has it, which is nearly always. */
function columnOf<K extends string>(entries: readonly { [Key in K]?: string | undefined }[], key: K): (string | null)[] | null {
  return entries.some((entry) => entry[key] !== undefined) ? entries.map((entry) => entry[key] ?? null) : null;
}
