/**
 * A log as an application sees it: typed by its log type, and there from its first entry on.
 *
 * A log that does not exist reads as an empty one. Entries are given as they would be written today (`upcast`), also those that a
 * compaction has archived. Reads see what their store
 * sees: inside a transaction its own entries too.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { LogNotFoundError, SequenceRangeError } from '../errors.ts';
import { withHistory } from '../history/with-history.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { readEntries } from '../snapshots/read-entries.ts';
import { type ReadStateValue, readState } from '../snapshots/read-state.ts';
import type { AppendTypedOptions, AppendTypedValue, NewEntry } from './append-typed.ts';
import { asWrittenToday } from './as-written-today.ts';
import type { ArchivableLog, LogEntry, SequenceId } from './event-log.ts';
import type { SequencedEntry } from './follow-log.ts';
import type { LogType } from './log-type.ts';

export interface ReadOptions {
  /** As it was before this entry; default: now. */
  at?: SequenceId | undefined;
  signal?: AbortSignal | undefined;
}

export interface EntriesOptions {
  /** Default 'start': the first entry, archived or not. */
  from?: SequenceId | 'start' | undefined;
  /** Exclusive. Default 'end', as far as the log goes by then. */
  to?: SequenceId | 'end' | undefined;
  signal?: AbortSignal | undefined;
}

export interface TypedLog<EntryT extends LogEntry, StateT> {
  readonly id: string;
  readonly logType: LogType<EntryT, StateT>;
  /** @throws InvalidInputError where a log of another type has this id */
  exists(): Promise<boolean>;
  /**
   * One entry, or several all or nothing. The first makes the log.
   * @throws ConflictError where `expect` is not the next sequence id, UnknownWorkflowError, InvalidInputError: each has changed nothing, and
   * a transaction goes on after it
   */
  append(entries: NewEntry<EntryT> | readonly NewEntry<EntryT>[], options: AppendTypedOptions): Promise<AppendTypedValue>;
  /** Newest usable snapshot and the entries after it. The state is the caller's own. */
  state(options?: ReadOptions): Promise<StateT>;
  /** The state with the sequence id to append at: `expect` it, or follow from it. */
  read(options?: ReadOptions): Promise<ReadStateValue<StateT>>;
  /** Entries with their metadata, in order, read page by page. */
  entries(options?: EntriesOptions): AsyncGenerator<SequencedEntry<EntryT>, void, undefined>;
}

/** What a typed log is kept in. */
export interface TypedLogStore<EntryT extends LogEntry> {
  events: Pick<ArchivableLog<EntryT>, 'query' | 'lastHistory'>;
  /** @throws InvalidInputError where a log of another type has this id */
  exists(): Promise<boolean>;
  append(entries: NewEntry<EntryT> | readonly NewEntry<EntryT>[], options: AppendTypedOptions): Promise<AppendTypedValue>;
  /** Where its snapshots are. */
  blobs(): Promise<BlobDir>;
  cache?: SnapshotCache | undefined;
}

export function createTypedLog<EntryT extends LogEntry, StateT>(
  id: string,
  logType: LogType<EntryT, StateT>,
  store: TypedLogStore<EntryT>,
): TypedLog<EntryT, StateT> {
  const log = withHistory({ log: store.events as ArchivableLog<EntryT>, blobs: store.blobs, cache: store.cache });

  async function read({ at, signal }: ReadOptions = {}): Promise<ReadStateValue<StateT>> {
    try {
      if (await store.exists()) {
        return await readState({ log, blobs: await store.blobs(), logType, at, signal, cache: store.cache });
      }
    } catch (error) {
      // Known a moment ago, and gone.
      if (!(error instanceof LogNotFoundError)) {
        throw error;
      }
    }
    if (at !== undefined && at !== 0n) {
      throw new SequenceRangeError(at, 0n, 0n);
    }
    return { state: logType.initial(), sequenceId: 0n };
  }

  return {
    id,
    logType,
    exists: () => store.exists(),
    append: (entries, options) => store.append(entries, options),
    read,
    state: async (options) => (await read(options)).state,
    async *entries({ from = 'start', to = 'end', signal } = {}) {
      if (!(await store.exists())) {
        return;
      }
      const first = await log.query(from, to);
      for await (const { start, entries } of readEntries(log, first.startSequenceId, to, first, signal)) {
        let sequenceId = start;
        for (const entry of entries) {
          yield { entry: asWrittenToday(logType, entry), sequenceId };
          sequenceId += 1n;
        }
      }
    },
  };
}
