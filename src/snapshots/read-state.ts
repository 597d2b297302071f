/** The state of a log at some point, in memory: newest usable snapshot plus the entries after it. Nothing is written. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { EventLog, LogEntry, SequenceId } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import type { SnapshotCache } from './cache.ts';
import { replay } from './replay.ts';

export interface ReadStateOptions<EntryT extends LogEntry, StateT> {
  log: EventLog<EntryT>;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  logType: LogType<EntryT, StateT>;
  /** State of all entries strictly before this one; default 'end': of all entries. */
  at?: SequenceId | 'end' | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
}

export interface ReadStateValue<StateT> {
  /** The caller's own. */
  state: StateT;
  /** The state is that of all entries strictly before this one: append at it, or follow from it. */
  sequenceId: SequenceId;
}

/** @throws HistoryGoneError, CorruptBlobError, BlobNotFoundError, SequenceRangeError, TidemarkError 'fold_failed' */
export async function readState<EntryT extends LogEntry, StateT>({
  at = 'end',
  ...options
}: ReadStateOptions<EntryT, StateT>): Promise<ReadStateValue<StateT>> {
  const { state, sequenceId } = await replay({ ...options, to: at });
  return { state, sequenceId };
}
