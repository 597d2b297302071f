import type { Cell } from './spreadsheet/cell.ts';

/**
 * The one family of errors. Each names the value, the limit and what to do next.
 *
 * - `code` is stable and is what programs match on; the message is for people and may change.
 * - `retryable` says whether the same call can succeed later without anyone changing its input.
 *   It decides between "try again, for ever" and "dead, with its error" for a unit of work.
 */
export class TidemarkError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** An argument was refused at the edge: nothing has happened. */
export class InvalidInputError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('invalid_input', message, options);
  }
}

/** An append at a sequence id that is not the next one. Nothing was changed; append again at `nextSequenceId`. */
export class ConflictError extends TidemarkError {
  readonly nextSequenceId: bigint;

  constructor(sequenceId: bigint, nextSequenceId: bigint) {
    super(
      'conflict',
      `Cannot append at sequence id ${sequenceId}: the next one is ${nextSequenceId}. Read the entries before it and append again at ${nextSequenceId}.`,
    );
    this.nextSequenceId = nextSequenceId;
  }
}

/** A sequence id outside the entries that the log holds. */
export class SequenceRangeError extends TidemarkError {
  readonly startSequenceId: bigint;
  readonly endSequenceId: bigint;

  constructor(sequenceId: bigint, startSequenceId: bigint, endSequenceId: bigint) {
    super(
      'sequence_range',
      `Sequence id ${sequenceId} is outside this log, which holds [${startSequenceId}, ${endSequenceId}). Start at 'snapshot' or at ${startSequenceId}.`,
    );
    this.startSequenceId = startSequenceId;
    this.endSequenceId = endSequenceId;
  }
}

export class LogNotFoundError extends TidemarkError {
  constructor(logId: string) {
    super('log_not_found', `There is no log '${logId}'. Create it first, or check the name.`);
  }
}

/** A key under which something else was appended. Nothing was changed. */
export class IdempotencyKeyReusedError extends TidemarkError {
  constructor(key: string) {
    super(
      'idempotency_key_reused',
      `The idempotency key '${key.slice(0, 200)}' stands for another request. Send the same with it, or take a new key.`,
    );
  }
}

/** What a client cannot ask of a server: it is the server's own to decide. */
export class NotExposedError extends TidemarkError {
  constructor(what: string) {
    super('not_exposed', `${what} is not offered over REST: the server decides. Where it has to be done, do it from library code.`);
  }
}

export class WorkNotFoundError extends TidemarkError {
  constructor(workId: string) {
    super('work_not_found', `There is no unit '${workId.slice(0, 500)}'. It was never asked for, or ended and has been pruned.`);
  }
}

export class TopicNotFoundError extends TidemarkError {
  constructor(topic: string) {
    super('topic_not_found', `There is no topic '${topic.slice(0, 120)}'. Add it to defineTopics, or check the name.`);
  }
}

export class SubscriptionNotFoundError extends TidemarkError {
  constructor(subscription: string) {
    super(
      'subscription_not_found',
      `There is no subscription '${subscription.slice(0, 120)}' in the database. Run 'tidemark subscriptions apply', or check the name.`,
    );
  }
}

export class JobNotFoundError extends TidemarkError {
  constructor(jobId: string) {
    super('job_not_found', `There is no job '${jobId.slice(0, 320)}'. It was never enqueued, or ended and has been pruned.`);
  }
}

/** A name under which no job is defined. */
export class UnknownJobError extends TidemarkError {
  constructor(name: string, known?: readonly string[]) {
    super(
      'unknown_job',
      `There is no job named '${name.slice(0, 120)}'${known ? ` (known: ${known.slice(0, 20).join(', ') || 'none'})` : ''}. Add it to createTidemark({ jobs }), or check the name.`,
    );
  }
}

export class ScheduleNotFoundError extends TidemarkError {
  constructor(schedule: string) {
    super(
      'schedule_not_found',
      `There is no schedule '${schedule.slice(0, 120)}' in Temporal. Run 'tidemark schedules apply', or check the name.`,
    );
  }
}

export class WorkbookNotFoundError extends TidemarkError {
  constructor(id: string) {
    super('workbook_not_found', `There is no workbook '${id.slice(0, 120)}'. Create it first, or check the name.`);
  }
}

export class WorkbookExistsError extends TidemarkError {
  constructor(id: string) {
    super('workbook_exists', `There is a workbook '${id.slice(0, 120)}' already. Download it anew, or choose another id.`);
  }
}

/** Too many jobs of one actor wait. Nothing was written. */
export class QueueFullError extends TidemarkError {
  constructor(name: string, actor: string, limit: number) {
    super(
      'queue_full',
      `'${actor.slice(0, 120)}' has ${limit} jobs '${name}' waiting, which is the limit. Enqueue it again when one has begun, or cancel one.`,
      { retryable: true },
    );
  }
}

/** The database did not answer: whether the job was enqueued is not known where it was its own transaction, and it was not where that rolls back. */
export class EnqueueUnavailableError extends TidemarkError {
  constructor(name: string, options: { cause?: unknown } = {}) {
    super(
      'enqueue_unavailable',
      `Job '${name}' cannot be enqueued: the database does not answer. Enqueue it again with the same id, so that it is one job.`,
      { retryable: true, ...options },
    );
  }
}

/** A job that somebody waited for is dead, cancelled or expired. */
export class JobFailedError extends TidemarkError {
  readonly jobId: string;
  readonly state: 'dead' | 'cancelled' | 'expired';
  /** Of the job's own last error. */
  readonly reason: { code: string; message: string } | undefined;

  constructor(jobId: string, state: 'dead' | 'cancelled' | 'expired', reason?: { code: string; message: string }) {
    super('job_failed', `Job '${jobId}' is ${state}${reason ? `: ${reason.message}` : ''}.`);
    this.jobId = jobId;
    this.state = state;
    this.reason = reason;
  }
}

export class UnknownWorkflowError extends TidemarkError {
  constructor(workflow: string, known?: readonly string[]) {
    super(
      'unknown_workflow',
      `Workflow '${workflow}' is unknown${known ? ` (known: ${known.join(', ')})` : ''}. Start a worker whose app defines it, then append again.`,
    );
  }
}

export class InvalidBlobNameError extends TidemarkError {
  constructor(name: string) {
    super(
      'invalid_blob_name',
      `'${name.slice(0, 120)}' is not a blob name: use 1 to 100 characters, no control characters, none of <>:"/\\|?*, and not '.' or '..'.`,
    );
  }
}

export class BlobNotFoundError extends TidemarkError {
  constructor(path: string, options: { cause?: unknown } = {}) {
    super('blob_not_found', `There is no blob '${path}'.`, options);
  }
}

export class BlobWrongKindError extends TidemarkError {
  constructor(path: string, is: 'blob' | 'directory') {
    super('blob_wrong_kind', `'${path}' is a ${is}, not a ${is === 'blob' ? 'directory' : 'blob'}.`);
  }
}

export class NoContinuationError extends TidemarkError {
  constructor() {
    super('no_continuation', 'This continuation does not belong to this directory. Query it again without one.');
  }
}

/** A blob that cannot be what it should be: cut short, changed, or of a newer format. Never skipped silently. */
export class CorruptBlobError extends TidemarkError {
  constructor(path: string, reason: string, options: { cause?: unknown } = {}) {
    super('corrupt_blob', `Blob '${path}' cannot be used: ${reason}.`, options);
  }
}

/** A cell that two have written: `theirs` is in the log, `ours` is not. */
export interface ConflictingCell {
  readonly row: number;
  readonly column: number;
  readonly ours: Cell;
  /** undefined: not known, because the entries that would say it are gone. */
  readonly theirs: Cell | undefined;
}

/** An edit of a live sheet that was rolled back, because somebody else has written the same cells meanwhile. */
export class CellConflictError extends TidemarkError {
  readonly cells: readonly ConflictingCell[];

  constructor(message: string, cells: readonly ConflictingCell[]) {
    super('cell_conflict', message);
    this.cells = cells;
  }
}

/** An edit whose append was never answered, and the log was truncated past where it would be: it may have been saved or not. */
export class EditUnconfirmedError extends TidemarkError {
  constructor() {
    super(
      'edit_unconfirmed',
      'The connection was lost while this edit was saved, and the entries that would tell are gone: it may have been saved or not. Look at the cells, and set them again where they should be otherwise.',
    );
  }
}

/** A live sheet that is closed: an edit that waited was not confirmed, a new one is not taken. */
export class SheetClosedError extends TidemarkError {
  constructor(message = 'This sheet is closed. Open it again.') {
    super('sheet_closed', message);
  }
}

/** The entries before the first one held are gone and no snapshot stands for them. */
export class HistoryGoneError extends TidemarkError {
  constructor(startSequenceId: bigint) {
    super(
      'history_gone',
      `History before ${startSequenceId} is gone and no snapshot at or after it stands for it: the state cannot be rebuilt.`,
    );
  }
}

/** An attempt that is not the unit's last one any more: its effects were not recorded. */
export class FencedError extends TidemarkError {
  constructor(workId: string) {
    super('fenced', `Another attempt has taken over ${workId}; this one changed nothing.`, { retryable: true });
  }
}

/** A server that Tidemark needs did not answer, or refused for now. */
export class UnavailableError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('unavailable', message, { retryable: true, ...options });
  }
}

/** A setting, file or installation that a person has to change. */
export class SetupError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('setup', message, options);
  }
}

/** The message of anything thrown, on one line. */
export function errorMessage(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
