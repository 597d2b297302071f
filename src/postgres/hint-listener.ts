/**
 * Log hints for the followers of one process: one LISTEN connection for all of them, open while there is one.
 *
 * Hints of this process' own commits arrive without it. A hint may be lost or doubled: whoever subscribes also polls.
 */
import { logHint } from './hints.ts';
import { listen } from './listen.ts';

export interface HintListener {
  /** Whether other processes' commits are heard. */
  readonly listens: boolean;
  /** @returns stops the hints */
  subscribe(logId: string, onChange: () => void): () => void;
  /** Committed in this process. */
  ring(logId: string): void;
  /** Ends the connection. Idempotent. */
  close(): Promise<void>;
}

export interface HintListenerOptions {
  /** Direct connection, not through a transaction pooler; undefined: only this process' own commits are heard. */
  connectionString?: string | undefined;
  schema: string;
  onError?: ((error: Error) => void) | undefined;
}

export function createHintListener({ connectionString, schema, onError }: HintListenerOptions): HintListener {
  const subscribers = new Map<string, Set<() => void>>();
  let stopListening: (() => Promise<void>) | undefined;
  const stopping = new Set<Promise<void>>();

  function onNotify(payload: string): void {
    // Empty: connected again, hints may have been missed.
    const heard = payload === '' ? [...subscribers.values()] : [subscribers.get(payload) ?? []];
    for (const onChange of heard.flatMap((listeners) => [...listeners])) {
      onChange();
    }
  }

  function stop(): void {
    const stopped: Promise<void> | undefined = stopListening?.().finally(() => stopping.delete(stopped as Promise<void>));
    stopListening = undefined;
    if (stopped) {
      stopping.add(stopped);
    }
  }

  return {
    listens: connectionString !== undefined,
    subscribe(logId, onChange) {
      const hint = logHint(logId);
      // A function of its own: the same callback may be subscribed twice.
      const listener = () => onChange();
      subscribers.set(hint, (subscribers.get(hint) ?? new Set()).add(listener));
      if (connectionString !== undefined) {
        stopListening ??= listen({ connectionString, schema, onNotify, ...(onError ? { onError } : {}) });
      }
      return () => {
        const listeners = subscribers.get(hint);
        if (listeners?.delete(listener) && listeners.size === 0) {
          subscribers.delete(hint);
          if (subscribers.size === 0) {
            stop();
          }
        }
      };
    },
    ring: (logId) => onNotify(logHint(logId)),
    async close() {
      stop();
      await Promise.all(stopping);
    },
  };
}
