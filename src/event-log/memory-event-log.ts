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
import { checkMetadata, decodeEntry, type EntryText, encodeEntries, metadataIn, ownMetadata } from './entry-data.ts';
import type { AddEntryValue, ArchivableLog, LogEntry, LogMetadata, SequenceId, WorkflowId } from './event-log.ts';
import type { PendingEntry } from './query-pending.ts';
import { checkSequenceId } from './sequence-id.ts';

export interface MemoryEventLogOptions {
  /** Takes a message for each entry that becomes pending. */
  workerHost?: PostMessageWorkerHost<PendingWorkflowMessage>;
  /** Most entries in one page of `query`. */
  pageSize?: number;
  /** Stands in the messages. */
  logId?: string;
  /** Ask for a snapshot by policy after this many entries; absent: never by itself. */
  snapshotEvery?: number | undefined;
  /** Ask for a compaction in place of a snapshot where the log holds this many entries; needs snapshotEvery. */
  compactEvery?: number | undefined;
  /** The workflows that may stand in `pending`; absent: any. */
  workflows?: readonly WorkflowId[];
}

export interface MemoryEventLog<T extends LogEntry> extends ArchivableLog<T> {
  readonly logId: string;
  queryPending(): Promise<PendingEntry[]>;
}

export function createMemoryEventLog<T extends LogEntry = LogEntry>(options: MemoryEventLogOptions = {}): MemoryEventLog<T> {
  const { workerHost, pageSize = 1_000, logId = 'memory', workflows } = options;
  const { snapshotEvery = Number.POSITIVE_INFINITY, compactEvery = Number.POSITIVE_INFINITY } = options;
  checkPageSize(pageSize);
  checkLogId(logId);
  const entries: EntryText[] = [];
  const pending = new Map<SequenceId, WorkflowId>();
  const listeners = new Set<{ onChange: () => void }>();
  let first = 0n;
  let newestSnapshot: SequenceId | undefined;
  /** Newest entry that was added with, or asked for, a snapshot. The policy counts from here. */
  let snapshotMark = 0n;
  /** Newest entry that was added with, or asked for, a compaction. */
  let compactMark = 0n;

  const next = () => first + BigInt(entries.length);
  const entryAt = (sequenceId: SequenceId) => entries[Number(sequenceId - first)] as EntryText;

  function findNewestSnapshot(): SequenceId | undefined {
    const index = entries.findLastIndex((entry) => entry.snapshot !== undefined);
    return index < 0 ? undefined : first + BigInt(index);
  }

  /** After an entry's metadata was set. */
  function index(sequenceId: SequenceId, entry: EntryText): void {
    if (entry.pending === undefined) {
      pending.delete(sequenceId);
    } else {
      pending.set(sequenceId, entry.pending);
    }
    if (entry.snapshot !== undefined) {
      newestSnapshot = newestSnapshot === undefined || newestSnapshot < sequenceId ? sequenceId : newestSnapshot;
    } else if (newestSnapshot === sequenceId) {
      newestSnapshot = findNewestSnapshot();
    }
  }

  function post(sequenceId: SequenceId, workflow: WorkflowId): void {
    try {
      workerHost?.postMessage({ type: 'PendingWorkflowMessage', logId, workflow, sequenceId });
    } catch (error) {
      workerHost?.onReport?.({ type: 'error', workflow, sequenceId, error });
    }
  }

  function checkKnown(workflow: WorkflowId | undefined): void {
    if (workflow !== undefined && workflows && !workflows.includes(workflow)) {
      throw new UnknownWorkflowError(workflow, workflows);
    }
  }

  /** `last` is the greatest id that will do. */
  function checkRange(sequenceId: SequenceId, last: SequenceId): void {
    if (sequenceId < first || sequenceId > last) {
      throw new SequenceRangeError(sequenceId, first, next());
    }
  }

  function newerSnapshot(snapshotId: SequenceId | undefined): Pick<AddEntryValue, 'lastSnapshot'> {
    return snapshotId === undefined || newestSnapshot === undefined || newestSnapshot === snapshotId
      ? {}
      : { lastSnapshot: { sequenceId: newestSnapshot, blobId: entryAt(newestSnapshot).snapshot as string } };
  }

  function applySnapshotPolicy(batch: EntryText[]): void {
    const marked = batch.findLastIndex((entry) => entry.snapshot !== undefined || takesSnapshot(entry.pending));
    const compacted = batch.findLastIndex((entry) => entry.pending === 'compact');
    const last = batch.at(-1);
    if (compacted >= 0) {
      compactMark = next() + BigInt(compacted);
    }
    if (marked >= 0) {
      snapshotMark = next() + BigInt(marked);
    } else if (
      last !== undefined &&
      last.pending === undefined &&
      Number(next() - snapshotMark) + batch.length >= snapshotEvery &&
      ![...pending.values()].some(takesSnapshot)
    ) {
      const asked = next() + BigInt(batch.length - 1);
      const held = Number(next() - (compactMark > first ? compactMark : first)) + batch.length;
      last.pending = held >= compactEvery ? 'compact' : 'snapshot';
      snapshotMark = asked;
      compactMark = last.pending === 'compact' ? asked : compactMark;
    }
  }

  async function addEntries(added: readonly T[], sequenceId: SequenceId, snapshotId?: SequenceId): Promise<AddEntryValue> {
    checkSequenceId(sequenceId);
    const batch = encodeEntries(added);
    for (const entry of batch) {
      checkKnown(entry.pending);
    }
    if (sequenceId !== next()) {
      throw new ConflictError(sequenceId, next());
    }
    applySnapshotPolicy(batch);
    for (const [offset, entry] of batch.entries()) {
      entries.push(entry);
      index(sequenceId + BigInt(offset), entry);
    }
    const value = { nextSequenceId: next(), ...newerSnapshot(snapshotId) };
    for (const [offset, entry] of batch.entries()) {
      if (entry.pending !== undefined) {
        post(sequenceId + BigInt(offset), entry.pending);
      }
    }
    if (batch.length > 0) {
      for (const listener of [...listeners]) {
        listener.onChange();
      }
    }
    return value;
  }

  return {
    logId,
    addEntries,
    addEntry: (entry, sequenceId, snapshotId) => addEntries([entry], sequenceId, snapshotId),
    async setMetadata(sequenceId, metadata) {
      checkSequenceId(sequenceId);
      const own: LogMetadata = ownMetadata(metadata);
      checkKnown(own.pending);
      checkRange(sequenceId, next() - 1n);
      const entry = entryAt(sequenceId);
      Object.assign(entry, own);
      index(sequenceId, entry);
      if (own.pending !== undefined) {
        post(sequenceId, own.pending);
      }
    },
    async completeWorkflow(sequenceId, workflow, result) {
      checkSequenceId(sequenceId);
      checkWorkflowId(workflow);
      const { snapshot, history } = checkMetadata({ snapshot: result.snapshot, history: result.history });
      if (sequenceId >= 0n && sequenceId < first) {
        return 'truncated';
      }
      checkRange(sequenceId, next() - 1n);
      const entry = entryAt(sequenceId);
      if (entry.pending !== workflow) {
        return 'already-done';
      }
      Object.assign(entry, { pending: undefined }, metadataIn({ snapshot, history }));
      index(sequenceId, entry);
      return 'completed';
    },
    async query(start, end, snapshotId) {
      const from = start === 'start' ? first : start === 'snapshot' ? (newestSnapshot ?? first) : start;
      checkSequenceId(from);
      checkRange(from, next());
      if (end !== 'end') {
        checkSequenceId(end);
      }
      const wantedEnd = end === 'end' || end > next() ? next() : end;
      const count = Math.max(0, Math.min(pageSize, Number(wantedEnd - from)));
      const offset = Number(from - first);
      const page = entries.slice(offset, offset + count);
      const endSequenceId = from + BigInt(page.length);
      return {
        startSequenceId: from,
        endSequenceId,
        isComplete: endSequenceId >= wantedEnd,
        ...newerSnapshot(snapshotId),
        entries: page.map((entry, position) => decodeEntry<T>(from, position, entry.type, JSON.parse(entry.data), metadataIn(entry))),
      };
    },
    async truncate(start) {
      checkSequenceId(start);
      checkRange(start, next());
      entries.splice(0, Number(start - first));
      first = start;
      for (const sequenceId of pending.keys()) {
        if (sequenceId < first) {
          pending.delete(sequenceId);
        }
      }
      if (newestSnapshot !== undefined && newestSnapshot < first) {
        newestSnapshot = undefined;
      }
    },
    async lastHistory() {
      const index = entries.findLastIndex((entry) => entry.history !== undefined);
      return index < 0 ? undefined : { sequenceId: first + BigInt(index), blobId: entries[index]?.history as string };
    },
    async queryPending() {
      return [...pending]
        .map(([sequenceId, workflow]) => ({ sequenceId, workflow }))
        .sort((a, b) => (a.sequenceId < b.sequenceId ? -1 : 1));
    },
    subscribe(onChange) {
      const listener = { onChange };
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** A compaction takes a snapshot, too. */
function takesSnapshot(workflow: WorkflowId | undefined): boolean {
  return workflow === 'snapshot' || workflow === 'compact';
}
