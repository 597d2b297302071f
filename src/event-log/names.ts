/** Names and numbers as they come in from outside: checked before anything is done with them. */
import { InvalidInputError } from '../errors.ts';
import type { SequenceId } from './event-log.ts';

const LOG_ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const WORKFLOW_NAME = /^[a-z][a-z0-9-]{0,62}$/;
/** Largest bigint of Postgres. */
const MAX_SEQUENCE_ID = 2n ** 63n - 1n;

/** @throws InvalidInputError */
export function checkLogId(logId: string): string {
  if (typeof logId !== 'string' || !LOG_ID.test(logId)) {
    throw new InvalidInputError(
      `'${String(logId).slice(0, 120)}' is not a log id: use 1 to 100 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit.`,
    );
  }
  return logId;
}

/** @throws InvalidInputError */
export function checkWorkflowName(workflow: string): string {
  if (typeof workflow !== 'string' || !WORKFLOW_NAME.test(workflow)) {
    throw new InvalidInputError(
      `'${String(workflow).slice(0, 120)}' is not a workflow name: use 1 to 63 of a-z, 0-9 and '-', starting with a letter.`,
    );
  }
  return workflow;
}

/** A decimal string as it stands in JSON and in Temporal. @throws InvalidInputError */
export function parseSequenceId(text: string): SequenceId {
  if (typeof text !== 'string' || !/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > MAX_SEQUENCE_ID) {
    throw new InvalidInputError(
      `'${String(text).slice(0, 120)}' is not a sequence id: use a decimal integer from 0 to ${MAX_SEQUENCE_ID}.`,
    );
  }
  return BigInt(text);
}

/** @throws InvalidInputError for what is no bigint of Postgres at all; whether a log holds it is the log's to say */
export function checkSequenceId(sequenceId: SequenceId): SequenceId {
  if (typeof sequenceId !== 'bigint' || sequenceId > MAX_SEQUENCE_ID || sequenceId < -MAX_SEQUENCE_ID) {
    throw new InvalidInputError(`${String(sequenceId).slice(0, 120)} is not a sequence id: use a bigint from 0n to ${MAX_SEQUENCE_ID}n.`);
  }
  return sequenceId;
}
