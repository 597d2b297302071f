import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { checkWorkflowId } from './check-names.ts';
import { checkMetadata } from './entry-data.ts';
import type { BlobId, CompleteWorkflowValue, SequenceId, WorkflowId } from './event-log.ts';
import { checkSequenceId, sequenceIdParameter } from './sequence-id.ts';

/**
 * Where the entry's `pending` is still `workflow`: sets the result, clears `pending` and closes the unit of work, whoever runs it.
 * For hosts that have no unit in hand; an attempt that has one finishes it, with its fence.
 * @throws SequenceRangeError for an id that the log has not reached; LogNotFoundError, InvalidInputError
 */
export async function completeEntryWorkflow(
  db: Database,
  logId: string,
  sequenceId: SequenceId,
  workflow: WorkflowId,
  result: { snapshot?: BlobId; history?: BlobId },
): Promise<CompleteWorkflowValue> {
  checkSequenceId(sequenceId);
  checkWorkflowId(workflow);
  const { snapshot, history } = checkMetadata({ snapshot: result.snapshot, history: result.history });
  const { rows } = await db.query(
    `select c.status, l.first_sequence_id, l.next_sequence_id
     from ${db.schema}.complete_workflow($1::text, $2::bigint, $3::text, $4::text, $5::text) c (status)
     left join ${db.schema}.logs l on l.id = $1::text`,
    [logId, sequenceIdParameter(sequenceId), workflow, snapshot ?? null, history ?? null],
  );
  const [row] = rows;
  switch (row.status) {
    case 'log_not_found':
      throw new LogNotFoundError(logId);
    case 'out_of_range':
      throw new SequenceRangeError(sequenceId, BigInt(row.first_sequence_id), BigInt(row.next_sequence_id));
    default:
      return row.status;
  }
}
