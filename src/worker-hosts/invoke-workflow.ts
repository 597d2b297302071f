/**
 * What every worker side calls with a message: runs the entry's workflow and records its result, where the entry is still pending.
 *
 * Safe to call again, late, and side by side: an entry that is not pending any more is left alone, and of several calls that
 * overlap one records its result. It fails as the workflow function fails, and the entry stays pending.
 */
import { InvalidInputError, SequenceRangeError, UnknownWorkflowError } from '../errors.ts';
import type { BlobId, CompleteWorkflowValue, EventLog, LogEntry, SequenceId, WorkflowId } from '../event-log/event-log.ts';
import type { PendingWorkflowMessage, WorkerReport } from './worker-host.ts';

export interface WorkflowContext<T extends LogEntry = LogEntry> {
  log: EventLog<T>;
  logId: string;
  sequenceId: SequenceId;
  /** As it was when the work began. */
  entry: T;
  signal: AbortSignal;
  /** @param fraction from 0 to 1 */
  onProgress: (fraction: number, message?: string) => void;
}

/** Must be safe to run again from the start. @returns what the entry is to refer to from now on */
export type WorkflowFunction<T extends LogEntry = LogEntry> = (
  context: WorkflowContext<T>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that has no result need not return one
) => Promise<{ snapshot?: BlobId; history?: BlobId } | void>;

export interface InvokeWorkflowOptions<T extends LogEntry = LogEntry> {
  /** The log of a message. */
  log: (logId: string) => EventLog<T> | Promise<EventLog<T>>;
  /** By their names in `pending`. */
  workflows: Readonly<Record<WorkflowId, WorkflowFunction<T>>>;
  onReport?: ((report: WorkerReport) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * @example worker.onReceiveMessage = (message) => invokeWorkflow(message, { log: (logId) => logs[logId], workflows: { snapshot } })
 * @returns 'already-done' also where it was not this call that did it; 'truncated' where the entry is gone
 * @throws UnknownWorkflowError, LogNotFoundError, InvalidInputError for an entry that is not there yet, and what the function throws
 */
export async function invokeWorkflow<T extends LogEntry = LogEntry>(
  message: PendingWorkflowMessage,
  options: InvokeWorkflowOptions<T>,
): Promise<CompleteWorkflowValue> {
  const { workflow, sequenceId } = message;
  const { onReport } = options;
  try {
    const outcome = await runPending(message, options);
    onReport?.({ type: 'done', workflow, sequenceId });
    return outcome;
  } catch (error) {
    onReport?.({ type: 'error', workflow, sequenceId, error });
    throw error;
  }
}

async function runPending<T extends LogEntry>(
  message: PendingWorkflowMessage,
  { log: logOf, workflows, onReport, signal = new AbortController().signal }: InvokeWorkflowOptions<T>,
): Promise<CompleteWorkflowValue> {
  const { logId, workflow, sequenceId } = message;
  signal.throwIfAborted();
  const log = await logOf(logId);
  const entry = await readEntryAt(log, sequenceId);
  if (entry === 'truncated') {
    return 'truncated';
  }
  if (entry.pending !== workflow) {
    return 'already-done';
  }
  const run = Object.hasOwn(workflows, workflow) ? workflows[workflow] : undefined;
  if (!run) {
    throw new UnknownWorkflowError(workflow, Object.keys(workflows));
  }
  const onProgress = (fraction: number, text?: string) =>
    onReport?.({ type: 'progress', workflow, sequenceId, fraction, ...(text === undefined ? {} : { message: text }) });
  const result = await run({ log, logId, sequenceId, entry, signal, onProgress });
  signal.throwIfAborted();
  return log.completeWorkflow(sequenceId, workflow, result ?? {});
}

async function readEntryAt<T extends LogEntry>(log: EventLog<T>, sequenceId: SequenceId): Promise<T | 'truncated'> {
  try {
    const { entries } = await log.query(sequenceId, sequenceId + 1n);
    if (entries[0]) {
      return entries[0];
    }
  } catch (error) {
    if (!(error instanceof SequenceRangeError)) {
      throw error;
    }
    if (sequenceId >= 0n && sequenceId < error.startSequenceId) {
      return 'truncated';
    }
  }
  throw new InvalidInputError(`There is no entry ${sequenceId} yet. Post a message after its entry is stored.`);
}
