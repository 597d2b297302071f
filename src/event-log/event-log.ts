/**
 * An event log: entries numbered from 0n without gaps, with the metadata that background work reads and writes.
 *
 * S is the first sequence id held, E the next one. The log holds [S, E); S moves only by `truncate`, E only by appending.
 * A snapshot on entry N holds the state of all entries strictly before N: read it, then apply N, N+1, …
 */
export type SequenceId = bigint;
/** Path of a blob below its log's directory. */
export type BlobId = string;
/** Registered name of a workflow: lower case, exact. */
export type WorkflowId = string;

export interface LogMetadata {
  /** Blob with the state of all entries strictly before this one. */
  snapshot?: BlobId | undefined;
  /** Blob from which all entries before this one can be read, archived. */
  history?: BlobId | undefined;
  /** Workflow that has yet to run for this entry. */
  pending?: WorkflowId | undefined;
}

/** `type` and the metadata are ours; every other field is the entry's data, immutable. */
export interface LogEntry extends LogMetadata {
  type: string;
}

export interface SnapshotValue {
  sequenceId: SequenceId;
  blobId: BlobId;
}

export interface HistoryValue {
  sequenceId: SequenceId;
  blobId: BlobId;
}

export interface AddEntryValue {
  nextSequenceId: SequenceId;
  /** The newest snapshot, only when a `snapshotId` was given and differs from it. */
  lastSnapshot?: SnapshotValue;
}

export interface QueryValue<T> {
  startSequenceId: SequenceId;
  endSequenceId: SequenceId;
  /** Whether `entries` reaches the asked-for end (clipped to E). */
  isComplete: boolean;
  lastSnapshot?: SnapshotValue;
  entries: T[];
}

export type CompleteWorkflowValue = 'completed' | 'already-done' | 'truncated';

export interface EventLog<T extends LogEntry> {
  /** @throws ConflictError when `sequenceId` is not E; @throws UnknownWorkflowError; @throws LogNotFoundError */
  addEntry(entry: T, sequenceId: SequenceId, snapshotId?: SequenceId): Promise<AddEntryValue>;
  /** All or nothing, in one round trip. Errors as `addEntry`. */
  addEntries(entries: readonly T[], sequenceId: SequenceId, snapshotId?: SequenceId): Promise<AddEntryValue>;
  /** Only own keys of snapshot, history and pending; a key whose value is undefined clears. @throws SequenceRangeError outside [S, E) */
  setMetadata(sequenceId: SequenceId, metadata: LogMetadata): Promise<void>;
  /** Where `pending` is still `workflow`: sets the result, clears `pending`, finishes the unit of work. */
  completeWorkflow(
    sequenceId: SequenceId,
    workflow: WorkflowId,
    result: { snapshot?: BlobId; history?: BlobId },
  ): Promise<CompleteWorkflowValue>;
  /** One page. 'start' is S, 'snapshot' the newest entry with a snapshot (else S); `end` is exclusive. @throws SequenceRangeError for a start outside [S, E] */
  query(start: SequenceId | 'snapshot' | 'start', end: SequenceId | 'end', snapshotId?: SequenceId): Promise<QueryValue<T>>;
  /** Drops entries before `start`. @throws SequenceRangeError for < S or > E */
  truncate(start: SequenceId): Promise<void>;
  /** A hint that there is something to query. @returns stops the hints */
  subscribe(onChange: () => void): () => void;
}

/** A log whose history can be found. */
export interface ArchivableLog<T extends LogEntry> extends EventLog<T> {
  /** The newest entry with a `history`, by one look. */
  lastHistory(): Promise<HistoryValue | undefined>;
}
