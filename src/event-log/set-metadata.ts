import { LogNotFoundError, SequenceRangeError, UnknownWorkflowError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { ownMetadata } from './entry-data.ts';
import type { LogMetadata, SequenceId } from './event-log.ts';
import { checkSequenceId, sequenceIdParameter } from './sequence-id.ts';

/**
 * Changes an entry's own metadata, all keys or none: a key that is there with undefined is cleared, one that is not there stays.
 * A `pending` that changes adds its unit of work. A refusal leaves the caller's transaction usable.
 * @throws SequenceRangeError, LogNotFoundError, UnknownWorkflowError, InvalidInputError
 */
export async function setEntryMetadata(db: Database, logId: string, sequenceId: SequenceId, metadata: LogMetadata): Promise<void> {
  checkSequenceId(sequenceId);
  const own = ownMetadata(metadata);
  const { rows } = await db.query(
    `select status, first_sequence_id, next_sequence_id
     from ${db.schema}.set_entry_metadata(
       $1::text, $2::bigint, $3::boolean, $4::text, $5::boolean, $6::text, $7::boolean, $8::text)`,
    [
      logId,
      sequenceIdParameter(sequenceId),
      ...(['snapshot', 'history', 'pending'] as const).flatMap((key) => [Object.hasOwn(own, key), own[key] ?? null]),
    ],
  );
  const [row] = rows;
  switch (row.status) {
    case 'log_not_found':
      throw new LogNotFoundError(logId);
    case 'unknown_workflow':
      throw new UnknownWorkflowError(own.pending as string);
    case 'out_of_range':
      throw new SequenceRangeError(sequenceId, BigInt(row.first_sequence_id), BigInt(row.next_sequence_id));
  }
}
