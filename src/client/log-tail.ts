/**
 * The newest entries of a log as its stream brings them, while anybody is subscribed: hints for them, and answers to the queries that follow.
 *
 * An answer is what a query would have said when the last event came. It is given only while the stream has caught up, and only as far as it
 * has brought everything that this client has seen of the log otherwise; anything else is asked of the server. Where there is no stream (a proxy
 * that holds it back, a server that is away) subscribers are hinted now and then, and ask.
 */
import { createBell } from '../event-log/bell.ts';
import type { LogEntry, LogMetadata, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { createKeptEntries, type KeptEntries } from './kept-entries.ts';
import { logEvents, type PositionedEvent } from './log-events.ts';
import type { Transport } from './transport.ts';

export interface TailQuery {
  start: SequenceId | string;
  end: SequenceId | string;
  snapshotId: SequenceId | undefined;
  /** Most entries in the answer. */
  pageSize: number;
}

export interface LogTail<T extends LogEntry> {
  subscribe(onChange: () => void): () => void;
  /** @returns undefined where the server has to be asked. The entries are the caller's own. */
  answer(query: TailQuery): QueryValue<T> | undefined;
  /** The log goes at least so far. */
  reached(nextSequenceId: SequenceId): void;
}

/** How often to hint without a stream, and how long to wait after a refusal before trying to have one again. */
const POLL_MS = 2_000;
const REFUSED_WAIT_MS = 10_000;
const LIMITS = { entries: 4_000, characters: 4 * 1024 * 1024 };

export function createLogTail<T extends LogEntry>(transport: Transport, logId: string): LogTail<T> {
  const listeners = new Set<{ onChange: () => void }>();
  let ended: AbortController | undefined;
  /** The connection there is now has brought all that was in the log when it began. */
  let isCaughtUp = false;
  let kept: KeptEntries<T> | undefined;
  let reachedEnd = 0n;
  /** undefined: not known. */
  let newest: SnapshotValue | 'none' | undefined;

  function ring(): void {
    for (const { onChange } of [...listeners]) {
      onChange();
    }
  }

  function keptFrom(sequenceId: SequenceId): KeptEntries<T> {
    kept ??= createKeptEntries<T>(sequenceId, LIMITS);
    if (kept.end !== sequenceId) {
      kept.startAt(sequenceId);
    }
    return kept;
  }

  function setMetadata(sequenceId: SequenceId, metadata: LogMetadata): void {
    const { snapshot } = metadata;
    kept?.setMetadata(sequenceId, metadata);
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
        const { start, end } = keptFrom(event.position);
        const marks = new Map(event.entries.map(({ sequenceId, ...metadata }) => [BigInt(sequenceId), metadata]));
        const [oldest] = marks.keys();
        for (let sequenceId = start; sequenceId < end; sequenceId += 1n) {
          if (event.isComplete || (oldest !== undefined && sequenceId >= oldest)) {
            setMetadata(sequenceId, marks.get(sequenceId) ?? {});
          }
        }
        const last = event.entries.filter(({ snapshot }) => snapshot !== undefined).at(-1);
        newest = last?.snapshot ? { sequenceId: BigInt(last.sequenceId), blobId: last.snapshot } : event.isComplete ? 'none' : undefined;
        isCaughtUp = true;
        break;
      }
      case 'entries': {
        const entries = keptFrom(BigInt(event.startSequenceId));
        for (const entry of event.entries as unknown as T[]) {
          entries.push(entry);
          if (entry.snapshot !== undefined) {
            newest = { sequenceId: entries.end - 1n, blobId: entry.snapshot };
          }
        }
        break;
      }
      case 'metadata':
        setMetadata(BigInt(event.sequenceId), event);
        break;
      case 'truncated':
        keptFrom(BigInt(event.startSequenceId)).startAt(BigInt(event.startSequenceId));
        newest = undefined;
        break;
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    const onState = (state: 'open' | 'reconnecting') => {
      if (state === 'reconnecting' && !signal.aborted) {
        isCaughtUp = false;
      }
    };
    while (!signal.aborted) {
      try {
        for await (const event of logEvents(transport, logId, { from: kept?.end, signal, onState })) {
          if (!signal.aborted) {
            take(event);
            ring();
          }
        }
      } catch {
        if (signal.aborted) {
          return;
        }
        // Refused: whoever asks hears why. The position may be what is wrong.
        forget();
        ring();
        await createBell().wait(REFUSED_WAIT_MS, signal);
      }
    }
  }

  function forget(): void {
    isCaughtUp = false;
    kept = undefined;
  }

  function open(): void {
    const controller = new AbortController();
    ended = controller;
    const signal = AbortSignal.any([controller.signal, transport.signal]);
    // Of an aborted one nobody would be told, and the hints would never end.
    if (signal.aborted) {
      return;
    }
    const poll = setInterval(() => (isCaughtUp ? undefined : ring()), POLL_MS);
    const onAbort = () => {
      clearInterval(poll);
      forget();
    };
    signal.addEventListener('abort', onAbort, { once: true });
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
        }
      };
    },
    answer({ start, end, snapshotId, pageSize }) {
      if (
        !isCaughtUp ||
        kept === undefined ||
        typeof start === 'string' ||
        start < kept.start ||
        start > kept.end ||
        kept.end < reachedEnd
      ) {
        return undefined;
      }
      if (snapshotId !== undefined && newest === undefined) {
        return undefined;
      }
      let wanted = typeof end === 'string' || end > kept.end ? kept.end : end;
      if (wanted < start) {
        wanted = start;
      }
      const isComplete = wanted - start <= BigInt(pageSize);
      const endSequenceId = isComplete ? wanted : start + BigInt(pageSize);
      const lastSnapshot = typeof newest === 'object' && snapshotId !== undefined && newest.sequenceId !== snapshotId ? newest : undefined;
      return {
        startSequenceId: start,
        endSequenceId,
        isComplete,
        ...(lastSnapshot ? { lastSnapshot: { ...lastSnapshot } } : {}),
        entries: kept.read(start, endSequenceId),
      };
    },
    reached(nextSequenceId) {
      reachedEnd = nextSequenceId > reachedEnd ? nextSequenceId : reachedEnd;
    },
  };
}
