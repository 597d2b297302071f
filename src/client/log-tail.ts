/**
 * The newest entries of a log as its stream brings them, while anybody is subscribed: hints for them, and answers to the queries that follow.
 *
 * An answer is what a query would have said when the last event came. It is given only while the stream is open, and only as far as it has
 * brought everything that this client has seen of the log otherwise; anything else is asked of the server. Where there is no stream (a proxy
 * that holds it back, a server that is away) subscribers are hinted now and then, and ask.
 */
import { createBell } from '../event-log/bell.ts';
import type { LogEntry, LogMetadata, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { logEvents, type PositionedEvent } from './log-events.ts';
import type { Transport } from './transport.ts';

export interface LogTail<T extends LogEntry> {
  subscribe(onChange: () => void): () => void;
  /** @returns undefined where the server has to be asked. The entries are the caller's own. */
  answer(start: SequenceId | string, end: SequenceId | string, snapshotId: SequenceId | undefined): QueryValue<T> | undefined;
  /** The log goes at least so far. */
  reached(nextSequenceId: SequenceId): void;
}

/** How often to hint without a stream, and how long to wait after a refusal before trying to have one again. */
const POLL_MS = 2_000;
const REFUSED_WAIT_MS = 10_000;
/** Entries kept; half of them when there are more. */
const MAX_KEPT = 4_000;

export function createLogTail<T extends LogEntry>(transport: Transport, logId: string): LogTail<T> {
  const listeners = new Set<{ onChange: () => void }>();
  let ended: AbortController | undefined;
  let isOpen = false;
  let start: SequenceId | undefined;
  let entries: T[] = [];
  let reachedEnd = 0n;
  /** undefined: not known. */
  let newest: SnapshotValue | 'none' | undefined;

  const endOf = (first: SequenceId) => first + BigInt(entries.length);

  function ring(): void {
    for (const { onChange } of [...listeners]) {
      onChange();
    }
  }

  function startAt(sequenceId: SequenceId): void {
    start = sequenceId;
    entries = [];
  }

  function setMetadata(sequenceId: SequenceId, { snapshot, history, pending }: LogMetadata): void {
    const entry = start === undefined || sequenceId < start ? undefined : entries[Number(sequenceId - start)];
    if (entry) {
      const { snapshot: _, history: __, pending: ___, ...own } = entry;
      const metadata = { ...(snapshot && { snapshot }), ...(history && { history }), ...(pending && { pending }) };
      entries[Number(sequenceId - (start as SequenceId))] = { ...own, ...metadata } as T;
    }
    const known = typeof newest === 'object' ? newest.sequenceId : -1n;
    if (snapshot !== undefined && newest !== undefined && sequenceId >= known) {
      newest = { sequenceId, blobId: snapshot };
    } else if (snapshot === undefined && sequenceId === known) {
      newest = undefined;
    }
  }

  function take(event: PositionedEvent): void {
    switch (event.event) {
      case 'marked': {
        if (start === undefined || endOf(start) !== event.position) {
          startAt(event.position);
        }
        const marks = new Map(event.entries.map(({ sequenceId, ...metadata }) => [BigInt(sequenceId), metadata]));
        const [oldest] = marks.keys();
        const first = start as SequenceId;
        for (let sequenceId = first; sequenceId < endOf(first); sequenceId += 1n) {
          if (event.isComplete || (oldest !== undefined && sequenceId >= oldest)) {
            setMetadata(sequenceId, marks.get(sequenceId) ?? {});
          }
        }
        const snapshots = event.entries.filter(({ snapshot }) => snapshot !== undefined);
        const last = snapshots.at(-1);
        newest = last?.snapshot ? { sequenceId: BigInt(last.sequenceId), blobId: last.snapshot } : event.isComplete ? 'none' : undefined;
        break;
      }
      case 'entries': {
        const first = BigInt(event.startSequenceId);
        if (start === undefined || endOf(start) !== first) {
          startAt(first);
        }
        for (const entry of event.entries as unknown as T[]) {
          entries.push(entry);
          if (entry.snapshot !== undefined) {
            newest = { sequenceId: endOf(start as SequenceId) - 1n, blobId: entry.snapshot };
          }
        }
        if (entries.length > MAX_KEPT) {
          const dropped = entries.length - MAX_KEPT / 2;
          entries = entries.slice(dropped);
          start = (start as SequenceId) + BigInt(dropped);
        }
        break;
      }
      case 'metadata':
        setMetadata(BigInt(event.sequenceId), event);
        break;
      case 'truncated':
        startAt(BigInt(event.startSequenceId));
        newest = undefined;
        break;
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const onState = (state: string) => {
        isOpen = state === 'open' && !signal.aborted;
      };
      try {
        const from = start === undefined ? undefined : endOf(start);
        for await (const event of logEvents(transport, logId, { from, signal, onState })) {
          if (!signal.aborted) {
            take(event);
            ring();
          }
        }
      } catch {
        // Refused: whoever asks hears why. The position may be what is wrong.
        isOpen = false;
        start = undefined;
        ring();
        await createBell().wait(REFUSED_WAIT_MS, signal);
      }
    }
  }

  function open(): void {
    const controller = new AbortController();
    ended = controller;
    const signal = AbortSignal.any([controller.signal, transport.signal]);
    const poll = setInterval(() => (isOpen ? undefined : ring()), POLL_MS);
    signal.addEventListener('abort', () => clearInterval(poll), { once: true });
    void run(signal);
  }

  return {
    subscribe(onChange) {
      const listener = { onChange };
      listeners.add(listener);
      if (listeners.size === 1) {
        open();
      }
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) {
          ended?.abort();
          isOpen = false;
          start = undefined;
        }
      };
    },
    answer(from, to, snapshotId) {
      if (!isOpen || start === undefined || typeof from === 'string' || from < start || from > endOf(start) || endOf(start) < reachedEnd) {
        return undefined;
      }
      if (snapshotId !== undefined && newest === undefined) {
        return undefined;
      }
      const known = endOf(start);
      let end = typeof to === 'string' || to > known ? known : to;
      if (end < from) {
        end = from;
      }
      const lastSnapshot = typeof newest === 'object' && snapshotId !== undefined && newest.sequenceId !== snapshotId ? newest : undefined;
      return {
        startSequenceId: from,
        endSequenceId: end,
        isComplete: true,
        ...(lastSnapshot ? { lastSnapshot: { ...lastSnapshot } } : {}),
        entries: structuredClone(entries.slice(Number(from - start), Number(end - start))),
      };
    },
    reached(nextSequenceId) {
      reachedEnd = nextSequenceId > reachedEnd ? nextSequenceId : reachedEnd;
    },
  };
}
