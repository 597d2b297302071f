/** A typed log outside a transaction: what a transaction can do with it, and what only makes sense over time. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { withHistory } from '../history/with-history.ts';
import { asWrittenToday } from './as-written-today.ts';
import type { ArchivableLog, EventLog, LogEntry, SequenceId } from './event-log.ts';
import { followLog, type SequencedEntry } from './follow-log.ts';
import type { TypedLog } from './typed-log.ts';

export interface FollowOptions {
  /** The first sequence id wanted; 'start': the first one, archived or not; 'end': only what is appended from now on. Default 'start'. */
  from?: SequenceId | 'start' | 'end' | undefined;
  /** Ends the iteration, also while it waits. */
  signal?: AbortSignal | undefined;
  /** How long to wait without a hint before looking again, in ms. Default 1,000 with LISTEN, 200 without. */
  pollMs?: number | undefined;
  /** Called for each error that is waited out: Postgres was away. */
  onRetry?: ((error: unknown) => void) | undefined;
}

export interface LogHandle<EntryT extends LogEntry, StateT> extends TypedLog<EntryT, StateT> {
  /**
   * Every entry in order, for ever: what is there, then what comes, across restarts of Postgres. `sequenceId + 1n` is where to go on later.
   * @throws SequenceRangeError where the log was truncated past it by hand: read the state, and follow from where that stands
   */
  follow(options?: FollowOptions): AsyncGenerator<SequencedEntry<EntryT>, void, undefined>;
  /** What of it is in Postgres, without types and checks: query by page, set metadata, truncate. `withHistory` reads on in what is archived. */
  readonly eventLog: ArchivableLog<EntryT> & { readonly logId: string };
  /** The directory of its blobs. */
  blobs(): Promise<BlobDir>;
}

export interface LogHandleParts<EntryT extends LogEntry> {
  eventLog: LogHandle<EntryT, unknown>['eventLog'];
  blobs: () => Promise<BlobDir>;
  /** The next sequence id of a log that exists. */
  readEnd: () => Promise<SequenceId>;
  /** Hints for followers. */
  subscribe: EventLog<EntryT>['subscribe'];
  defaultPollMs: number;
}

export function createLogHandle<EntryT extends LogEntry, StateT>(
  log: TypedLog<EntryT, StateT>,
  { eventLog, blobs, readEnd, subscribe, defaultPollMs }: LogHandleParts<EntryT>,
): LogHandle<EntryT, StateT> {
  const readable = withHistory({ log: eventLog, blobs });
  const followed: Pick<EventLog<EntryT>, 'query' | 'subscribe'> = {
    subscribe,
    async query(start, end) {
      // Refuses a log of another type; one that is known costs nothing.
      await log.exists();
      return readable.query(start, end);
    },
  };
  // A log that does not exist yet is empty.
  const readEndOrZero = async () => ((await log.exists()) ? readEnd() : 0n);

  return {
    ...log,
    eventLog,
    blobs,
    async *follow({ from, pollMs = defaultPollMs, ...options } = {}) {
      const start = from === 'end' ? await readEndOrZero() : from;
      for await (const { entry, sequenceId } of followLog(followed, { ...options, from: start, pollMs })) {
        yield { entry: asWrittenToday(log.logType, entry), sequenceId };
      }
    },
  };
}
