/**
 * Appends checked entries of a log type, wherever the log ends or at one sequence id, and makes the log with its first entry.
 *
 * A refusal comes from an answer, never from a statement that fails, so a caller's transaction goes on after it. One round trip for a log that
 * is there; the type of the log is checked in the same statement.
 */
import { ConflictError, InvalidInputError, UnknownWorkflowError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { createLog } from './create-log.ts';
import type { LogEntry, SequenceId, WorkflowId } from './event-log.ts';
import type { LogType } from './log-type.ts';
import type { Provenance } from './provenance.ts';

export interface AppendTypedOptions<EntryT extends LogEntry> {
  logId: string;
  // biome-ignore lint/suspicious/noExplicitAny: the state plays no part
  logType: LogType<EntryT, any>;
  entries: readonly EntryT[];
  /** 'any': wherever the log ends. */
  expect: SequenceId | 'any';
  /** For the last entry. */
  pending?: WorkflowId | undefined;
  provenance: Provenance;
}

export interface AppendTypedValue {
  /** Of the first entry appended. */
  sequenceId: SequenceId;
  nextSequenceId: SequenceId;
}

/** @throws ConflictError, UnknownWorkflowError; InvalidInputError for a log of another type */
export async function appendTyped<EntryT extends LogEntry>(db: Database, options: AppendTypedOptions<EntryT>): Promise<AppendTypedValue> {
  const { logId, logType, entries, expect } = options;
  for (;;) {
    const answer = await callAppend(db, options);
    if (answer.logType !== null && answer.logType !== logType.type) {
      throw new InvalidInputError(`Log '${logId}' is of type '${answer.logType}', not '${logType.type}'. Use its own log type, or another log id.`);
    }
    switch (answer.status) {
      case 'appended':
        return { sequenceId: BigInt(answer.next) - BigInt(entries.length), nextSequenceId: BigInt(answer.next) };
      case 'conflict':
        throw new ConflictError(expect as SequenceId, BigInt(answer.next));
      case 'unknown_workflow':
        throw new UnknownWorkflowError(answer.unknown);
      case 'log_not_found':
        if (expect !== 'any' && expect !== 0n) {
          throw new ConflictError(expect, 0n);
        }
        await createLogOfType(db, logId, logType);
    }
  }
}
