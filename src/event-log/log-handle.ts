/** A typed log outside a transaction: what a transaction can do with it, and what only makes sense over time. */
import type { Database } from '../postgres/queryable.ts';
import type { EventLog, LogEntry, SequenceId } from './event-log.ts';
import { followLog, type SequencedEntry } from './follow-log.ts';
import type { PostgresEventLog } from './postgres-event-log.ts';
import { readLog } from './read-log.ts';
import { asWrittenToday, type TypedLog } from './typed-log.ts';

export interface FollowOptions {
  /** The first sequence id wanted; 'start': the first one held; 'end': only what is appended from now on. Default 'start'. */
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
   * Every entry in order, for ever: what is there, then what comes, across restarts of Postgres. Keep `sequenceId + 1n` to go on from later.
   * @throws SequenceRangeError where the log was truncated past it: read the state, and follow from where that stands
   */
  follow(options?: FollowOptions): AsyncGenerator<SequencedEntry<EntryT>, void, undefined>;
  /** The same log without types and checks: query by page, set metadata, truncate. */
  readonly eventLog: PostgresEventLog<EntryT>;
}

export interface LogHandleParts<EntryT extends LogEntry, StateT> {
  log: TypedLog<EntryT, StateT>;
  eventLog: PostgresEventLog<EntryT>;
  db: Database;
  subscribe: EventLog<EntryT>['subscribe'];
  defaultPollMs: number;
}

export function createLogHandle<EntryT extends LogEntry, StateT>(parts: LogHandleParts<EntryT, StateT>): LogHandle<EntryT, StateT> {
  const { log, eventLog, db, subscribe, defaultPollMs } = parts;
  const followed: Pick<EventLog<EntryT>, 'query' | 'subscribe'> = {
    subscribe,
    async query(start, end) {
      // Refuses a log of another type; one that is known costs nothing.
      await log.exists();
      return eventLog.query(start, end);
    },
  };
  return {
    ...log,
    eventLog,
    async *follow({ from, pollMs = defaultPollMs, ...options } = {}) {
      const start = from === 'end' ? await readEnd() : from;
      for await (const { entry, sequenceId } of followLog(followed, { ...options, from: start, pollMs })) {
        yield { entry: asWrittenToday(log.logType, entry), sequenceId };
      }
    },
  };

  async function readEnd(): Promise<SequenceId> {
    return (await log.exists()) ? (await readLog(db, log.id)).nextSequenceId : 0n;
  }
}
