/**
 * Posts a message for every entry that is still pending: at launch, after a worker was started again, after a failure.
 * Messages are hints, so posting too many of them changes no result.
 */
import { InvalidInputError, SequenceRangeError } from '../errors.ts';
import type { EventLog, LogEntry } from '../event-log/event-log.ts';
import type { PendingEntry } from '../event-log/query-pending.ts';
import type { PendingWorkflowMessage, PostMessageWorkerHost } from './worker-host.ts';

/** A log that knows its pending entries is asked for them; any other is read as a whole. */
export type PendingLog<T extends LogEntry> = EventLog<T> & { readonly logId?: string; queryPending?: () => Promise<PendingEntry[]> };

/**
 * @param options.logId of a log that does not know its own
 * @returns the number of messages posted
 * @throws InvalidInputError without a log id; what reading the log and posting throw
 */
export async function resendPending<T extends LogEntry>(
  log: PendingLog<T>,
  host: PostMessageWorkerHost<PendingWorkflowMessage>,
  options: { logId?: string } = {},
): Promise<number> {
  const logId = options.logId ?? log.logId;
  if (logId === undefined) {
    throw new InvalidInputError('This log does not say its id: give resendPending a logId.');
  }
  const pending = await (log.queryPending ? log.queryPending() : readPending(log));
  for (const { sequenceId, workflow } of pending) {
    host.postMessage({ type: 'PendingWorkflowMessage', logId, workflow, sequenceId });
  }
  return pending.length;
}

async function readPending<T extends LogEntry>(log: EventLog<T>): Promise<PendingEntry[]> {
  const pending: PendingEntry[] = [];
  let page = await log.query('start', 'end');
  for (;;) {
    for (const [index, entry] of page.entries.entries()) {
      if (entry.pending !== undefined) {
        pending.push({ sequenceId: page.startSequenceId + BigInt(index), workflow: entry.pending });
      }
    }
    if (page.isComplete) {
      return pending;
    }
    try {
      page = await log.query(page.endSequenceId, 'end');
    } catch (error) {
      if (!(error instanceof SequenceRangeError)) {
        throw error;
      }
      // Truncated past where we were.
      pending.length = 0;
      page = await log.query('start', 'end');
    }
  }
}
