import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { BlobId, CompleteWorkflowValue, SequenceId, WorkflowId } from './event-log.ts';
import { checkSequenceId, checkWorkflowName } from './names.ts';
import { readLog } from './read-log.ts';

/** The compare-and-set of hosts that have no unit in hand. @throws LogNotFoundError, SequenceRangeError for an id the log never had */
export async function completeEntryWorkflow(
  db: Database,
  logId: string,
  sequenceId: SequenceId,
  workflow: WorkflowId,
  result: { snapshot?: BlobId; history?: BlobId },
): Promise<CompleteWorkflowValue> {
  const { rows } = await db.query(`select ${db.schema}.complete_workflow($1::text, $2::bigint, $3::text, $4::text, $5::text) as answer`, [
    logId,
    checkSequenceId(sequenceId).toString(),
    checkWorkflowName(workflow),
    result.snapshot ?? null,
    result.history ?? null,
  ]);
  const { answer } = rows[0];
  if (answer === 'log_not_found') {
    throw new LogNotFoundError(logId);
  }
  if (answer === 'out_of_range') {
    const { firstSequenceId, nextSequenceId } = await readLog(db, logId);
    throw new SequenceRangeError(sequenceId, firstSequenceId, nextSequenceId);
  }
  return answer;
}
