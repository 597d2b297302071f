/**
 * Every entry of a log in order, for ever: what is there, then what comes.
 *
 * A hint only shortens the wait; the poll is the guarantee. Entries of one log commit in the order of their ids, so nothing appears behind
 * the position. Without Postgres it waits and goes on. Truncated past its position by hand it throws SequenceRangeError, because entries it has not
 * yet given are gone: read the state, and follow from where that stands.
 */
import { LogNotFoundError } from '../errors.ts';
import { classifyError } from '../work/classify-error.ts';
import { createBell } from './bell.ts';
import type { EventLog, LogEntry, QueryValue, SequenceId } from './event-log.ts';

export interface FollowLogOptions {
  /** The first sequence id wanted; 'start': the first one held. Default 'start'. */
  from?: SequenceId | 'start' | undefined;
  /** Ends the iteration, also while it waits. */
  signal?: AbortSignal | undefined;
  /** How long to wait without a hint before looking again, in ms. Default 200. */
  pollMs?: number | undefined;
  /** Called for each error that is waited out. */
  onRetry?: ((error: unknown) => void) | undefined;
}

export interface SequencedEntry<EntryT> {
  entry: EntryT;
  sequenceId: SequenceId;
}

const MAX_BACKOFF_MS = 5_000;

/** @throws SequenceRangeError for a position that the log no longer holds, or does not hold yet */
export async function* followLog<EntryT extends LogEntry>(
  log: Pick<EventLog<EntryT>, 'query' | 'subscribe'>,
  { from = 'start', signal, pollMs = 200, onRetry }: FollowLogOptions = {},
): AsyncGenerator<SequencedEntry<EntryT>, void, undefined> {
  const hint = createBell();
  const unsubscribe = log.subscribe(hint.ring);
  let position = from;
  let failures = 0;
  try {
    while (!signal?.aborted) {
      hint.reset();
      const page = await queryOrRetry(log, position, (error) => {
        failures += 1;
        onRetry?.(error);
      });
      if (page === undefined) {
        await createBell().wait(Math.min(50 * 2 ** failures, MAX_BACKOFF_MS), signal);
        continue;
      }
      failures = 0;
      position = page.startSequenceId;
      for (const entry of page.entries) {
        if (signal?.aborted) {
          return;
        }
        const sequenceId = position;
        position += 1n;
        yield { entry, sequenceId };
      }
      if (page.isComplete) {
        await hint.wait(pollMs, signal);
      }
    }
  } finally {
    unsubscribe();
  }
}

async function queryOrRetry<EntryT extends LogEntry>(
  log: Pick<EventLog<EntryT>, 'query'>,
  position: SequenceId | 'start',
  onError: (error: unknown) => void,
): Promise<QueryValue<EntryT> | undefined> {
  try {
    return await log.query(position, 'end');
  } catch (error) {
    // A log that does not exist yet is empty: its first append makes it.
    if (error instanceof LogNotFoundError && (position === 'start' || position === 0n)) {
      return { startSequenceId: 0n, endSequenceId: 0n, isComplete: true, entries: [] };
    }
    if (classifyError(error) !== 'infrastructure') {
      throw error;
    }
    onError(error);
    return undefined;
  }
}
