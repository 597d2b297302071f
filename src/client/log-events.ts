/**
 * The events of a log, one after the other, for ever: across a lost connection and a restarted server it goes on where it was, so nothing is
 * missed and nothing is given twice. A connection on which not even a heartbeat comes is given up.
 */
import { UnavailableError } from '../errors.ts';
import { createBell } from '../event-log/bell.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { backoffMs } from '../live-sheet/backoff.ts';
import type { LogEvent } from './api-types.ts';
import { LostConnectionError, messagesIn } from './server-sent-events.ts';
import type { Transport } from './transport.ts';

export interface LogEventsOptions {
  /** The first sequence id wanted. Default: the end of the log when the first connection is made. */
  from?: SequenceId | undefined;
  /** Ends it, also while it waits. */
  signal: AbortSignal;
  /** 'open' when events can come; 'reconnecting' with why they cannot. */
  onState?: ((state: 'open' | 'reconnecting', error?: unknown) => void) | undefined;
  /** A connection is given up after so long without a byte, in ms. Heartbeats come every 15 s. Default 40,000. */
  silenceMs?: number | undefined;
}

/** An event, and where a stream that ends after it goes on. */
export type PositionedEvent = LogEvent & { position: SequenceId };

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/** @throws SequenceRangeError for a position that the log has not reached, LogNotFoundError, or what says that this caller may not */
export async function* logEvents(
  transport: Transport,
  logId: string,
  { from, signal, onState, silenceMs = 40_000 }: LogEventsOptions,
): AsyncGenerator<PositionedEvent, void, undefined> {
  let position = from;
  for (let failures = 0; !signal.aborted; ) {
    const connection = new AbortController();
    const onAbort = () => connection.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let error: unknown;
    try {
      const body = await transport.stream(`logs/${encodeURIComponent(logId)}/events`, {
        query: { from: position === undefined ? undefined : String(position) },
        headers: { accept: 'text/event-stream' },
        subject: { logId, ...(position === undefined ? {} : { sequenceId: position }) },
        signal: connection.signal,
      });
      for await (const { id, event, data } of messagesIn(body, silenceMs)) {
        if (failures > 0 || position === undefined || event === 'marked') {
          failures = 0;
          onState?.('open');
        }
        position = BigInt(id as string);
        yield { ...JSON.parse(data), event, position } as PositionedEvent;
      }
    } catch (caught) {
      if (signal.aborted) {
        return;
      }
      if (!(caught instanceof UnavailableError) && !(caught instanceof LostConnectionError)) {
        throw caught;
      }
      error = caught;
    } finally {
      signal.removeEventListener('abort', onAbort);
      connection.abort();
    }
    failures += 1;
    onState?.('reconnecting', error);
    await createBell().wait(backoffMs(failures, FIRST_WAIT_MS, LONGEST_WAIT_MS), signal);
  }
}
