import { LogNotFoundError, SequenceRangeError, UnknownWorkflowError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { LogMetadata, SequenceId } from './event-log.ts';
import { checkSequenceId, checkWorkflowName } from './names.ts';

/** Sets the own keys of `metadata`; undefined clears. @throws SequenceRangeError, LogNotFoundError, UnknownWorkflowError */
export async function setEntryMetadata(db: Database, logId: string, sequenceId: SequenceId, metadata: LogMetadata): Promise<void> {
  const { snapshot, history, pending } = metadata;
  const { rows } = await db.query(
    `select status, first_sequence_id, next_sequence_id
     from ${db.schema}.set_entry_metadata($1::text, $2::bigint, $3::boolean, $4::text, $5::boolean, $6::text, $7::boolean, $8::text)`,
    [
      logId,
      checkSequenceId(sequenceId).toString(),
      Object.hasOwn(metadata, 'snapshot'),
      snapshot ?? null,
      Object.hasOwn(metadata, 'history'),
      history ?? null,
      Object.hasOwn(metadata, 'pending'),
      pending === undefined || pending === null ? null : checkWorkflowName(pending),
    ],
  );
  const row = rows[0];
  switch (row.status) {
    case 'log_not_found':
      throw new LogNotFoundError(logId);
    case 'out_of_range':
      throw new SequenceRangeError(sequenceId, BigInt(row.first_sequence_id), BigInt(row.next_sequence_id));
    case 'unknown_workflow':
      throw new UnknownWorkflowError(pending as string);
  }
}
