/**
 * An event log in this process' memory: for tests, and for use without anything to keep.
 *
 * It promises what the one in Postgres promises, but to outlive the process. Entries are kept as JSON text, so nobody holds a reference
 * into the log. With a worker host, an entry that is pending is posted after it is stored; a post that fails is reported to the
 * host's `onReport` and changes nothing: the entry stays pending for `resendPending`.
 */
import { ConflictError, SequenceRangeError, UnknownWorkflowError } from '../errors.ts';
import { checkPageSize } from '../page-size.ts';
import type { PendingWorkflowMessage, PostMessageWorkerHost } from '../worker-hosts/worker-host.ts';
import { checkLogId, checkWorkflowId } from './check-names.ts';
import { checkMetadata, decodeEntry, type EntryText, encodeEntries, ownMetadata } from './entry-text.ts';
import type { EventLog, LogEntry, SequenceId, SnapshotValue, WorkflowId } from './event-log.ts';
import { checkSequenceId } from './sequence-id.ts';
import { createSnapshotIndex } from './snapshot-index.ts';

export interface MemoryEventLogOptions {
  /** Takes a message for each entry that becomes pending. */
  workerHost?: PostMessageWorkerHost<PendingWorkflowMessage>;
  /** Most entries in one page of `query`. */
  pageSize?: number;
  /** Stands in the messages. */
  logId?: string;
  /** Ask for a snapshot by policy after this many entries; absent: never by itself. */
  snapshotEvery?: number | undefined;
  /** The workflows that may stand in `pending`; absent: any. */
  workflows?: readonly WorkflowId[];
}

const SNAPSHOT: WorkflowId = 'snapshot';

export function createMemoryEventLog<T extends LogEntry = LogEntry>(options: MemoryEventLogOptions = {}): EventLog<T> & { readonly logId: string } {
  const { workerHost, pageSize = 1_000, logId = 'memory', snapshotEvery, workflows } = options;
  checkPageSize(pageSize);
  checkLogId(logId);
  const entries: EntryText[] = [];
  const listeners = new Set<{ onChange: () => void }>();
  const snapshots = createSnapshotIndex();
  let first = 0n;
  /** Newest entry that has, or was asked for, a snapshot. The policy counts from here. */
  let snapshotMark = 0n;

  const next = () => first + BigInt(entries.length);
  const at = (sequenceId: SequenceId) => entries[Number(sequenceId - first)] as EntryText;

  function checkKnown(workflow: WorkflowId | undefined): void {
    if (workflow !== undefined && workflows && !workflows.includes(workflow)) {
      throw new UnknownWorkflowError(workflow, workflows);
    }
  }

  function checkRange(sequenceId: SequenceId, end: SequenceId): void {
    checkSequenceId(sequenceId);
    if (sequenceId < first || sequenceId > end) {
      throw new SequenceRangeError(sequenceId, first, next());
    }
  }

  function newerThan(snapshotId: SequenceId | undefined): { lastSnapshot?: SnapshotValue } {
    const newest = snapshotId === undefined ? undefined : snapshots.newest();
    return newest && newest !== snapshotId ? {} : {};
  }

  return undefined as never;
}
