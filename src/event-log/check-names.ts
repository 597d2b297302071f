/** The names that a log, a workflow and a blob in an entry's metadata may have. */
import { InvalidInputError } from '../errors.ts';
import type { BlobId, WorkflowId } from './event-log.ts';

const LOG_ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const WORKFLOW_ID = /^[a-z][a-z0-9-]{0,62}$/;
/** Control characters and half of a surrogate pair, which a text column cannot hold. */
const UNSTORABLE = /[\p{Cc}\p{Cs}]/u;
const MAX_BLOB_ID_LENGTH = 1_000;
const MAX_TYPE_LENGTH = 200;

/** @throws InvalidInputError */
export function checkLogId(logId: string): string {
  if (typeof logId !== 'string' || !LOG_ID.test(logId)) {
    throw new InvalidInputError(
      `${shown(logId)} is not a log id: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
  return logId;
}

/** @throws InvalidInputError */
export function checkWorkflowId(workflow: WorkflowId): WorkflowId {
  if (typeof workflow !== 'string' || !WORKFLOW_ID.test(workflow)) {
    throw new InvalidInputError(`${shown(workflow)} is not a workflow name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter.`);
  }
  return workflow;
}

/** @throws InvalidInputError */
export function checkBlobId(blobId: BlobId): BlobId {
  if (typeof blobId !== 'string' || blobId.length < 1 || blobId.length > MAX_BLOB_ID_LENGTH || UNSTORABLE.test(blobId)) {
    throw new InvalidInputError(
      `${shown(blobId)} is not a blob id: use a path of 1 to ${MAX_BLOB_ID_LENGTH} characters without control characters.`,
    );
  }
  return blobId;
}

/** @throws InvalidInputError */
export function checkEntryType(type: string): string {
  if (typeof type !== 'string' || type.length < 1 || type.length > MAX_TYPE_LENGTH || UNSTORABLE.test(type)) {
    throw new InvalidInputError(
      `An entry needs a type of 1 to ${MAX_TYPE_LENGTH} characters without control characters, not ${shown(type)}.`,
    );
  }
  return type;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 60)}'` : `a ${value === null ? 'null' : typeof value}`;
}
