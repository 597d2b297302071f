/**
 * A log type says how entries fold into a state, and how that state is kept in snapshots.
 *
 * `apply` must be pure. `version` changes when `apply` or `initial` mean something else: a snapshot of another version is never read.
 * A log type whose state is small enough to hold in memory needs no `snapshots`: the state is kept as JSON in one blob.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import type { BlobId, LogEntry, SequenceId } from './event-log.ts';

export interface LogType<EntryT extends LogEntry = LogEntry, StateT = unknown> {
  readonly type: string;
  readonly version: number;
  /** Ask for a snapshot by policy after this many entries; absent: never by itself. */
  readonly snapshotEvery?: number;
  /** Compact by policy where the log holds this many entries: archive those before the new snapshot; absent: never by itself. */
  readonly compactEvery?: number;
  /** How many of the newest snapshots a new log keeps; absent: 10. */
  readonly keepSnapshots?: number;
  /** Days, today included, of which a new log keeps the last snapshot; absent: 30. */
  readonly keepDays?: number;
  /** Checks one entry's own fields at the edge. @throws InvalidInputError */
  parseEntry(entry: unknown): EntryT;
  /** A new empty state, of the caller's own. */
  initial(): StateT;
  /** A stored entry of an older shape as it would be written today; absent: entries have had one shape. `apply` does it by itself. */
  upcast?(stored: LogEntry): EntryT;
  /** The state after `entry`, as stored. May change `state` in place and return it. */
  apply(state: StateT, entry: EntryT, sequenceId: SequenceId): StateT;
  /** How the state is written to and read from blobs. */
  readonly snapshots: SnapshotFormat<StateT>;
  /** What an entry that asks for an erasure takes out; undefined for any other entry. Absent: values of this type cannot be erased. */
  eraserOf?(entry: EntryT): Eraser<StateT> | undefined;
}

/**
 * Takes values out of what was before. What it makes of a state is what the fold makes of the entries that it has been through; doing it
 * again changes nothing.
 */
export interface Eraser<StateT = unknown> {
  /** The entry's own fields without the values; undefined where it has none of them. */
  eraseEntry(entry: LogEntry): Record<string, unknown> | undefined;
  /** May change `state` in place and return it. */
  eraseState(state: StateT, options: Pick<SnapshotOptions, 'cache' | 'signal'> & { blobs: BlobDir }): Promise<StateT>;
}

export interface SnapshotOptions {
  typeVersion: number;
  /** Decoded blobs by their content's name: spares reads, never changes a result. */
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: where log types of any entry and state stand side by side
export type AnyLogType = LogType<any, any>;

export interface SnapshotFormat<StateT> {
  /**
   * Writes `state` as it is before `sequenceId`; returns the root blob's id. Writes blobs before the root that names them.
   * The same state and sequence id give the same id and content. Leaves `state` as it is.
   */
  write(blobs: BlobDir, sequenceId: SequenceId, state: StateT, options: SnapshotOptions): Promise<BlobId>;
  /** Reads a root blob; the state is the caller's own. @returns undefined where it is of another `typeVersion`. @throws CorruptBlobError, BlobNotFoundError */
  read(blobs: BlobDir, blobId: BlobId, options: SnapshotOptions): Promise<StateT | undefined>;
  /**
   * Names of the blobs that the snapshot needs beside its root, of whatever type version it is: those that were written for it, and those it shares. Each
   * is given out before it is read. Absent: nobody knows what may be removed, so blobs of such logs are never collected.
   * @throws CorruptBlobError, BlobNotFoundError
   */
  references?(blobs: BlobDir, blobId: BlobId, options: Omit<SnapshotOptions, 'typeVersion'>): AsyncIterable<string>;
  /** About how much memory the part of `state` takes that is in no blob yet; absent: it does not grow with the entries. */
  unwrittenBytes?(state: StateT): number;
}
