/**
 * Hints for those of one process who follow a log or wait for a job: one LISTEN connection for all of them, open while there is one, and for some seconds
 * after the last: who waits for one job after another does not connect for each.
 *
 * Hints of this process' own commits arrive without it. A hint may be lost or doubled: whoever subscribes also polls.
 */
import { listen } from './listen.ts';

export interface HintListener {
  /** Whether other processes' commits are heard. */
  readonly listens: boolean;
  /** @param hint as it is sent: see hints.ts, job-hints.ts. @returns stops the hints */
  subscribe(hint: string, onChange: () => void): () => void;
  /** Committed in this process. */
  ring(hint: string): void;
  /** Ends the connection. Idempotent. */
  close(): Promise<void>;
}

export interface HintListenerOptions {
  /** Direct connection, not through a transaction pooler; undefined: only this process' own commits are heard. */
  connectionString?: string | undefined;
  schema: string;
  onError?: ((error: Error) => void) | undefined;
  /** How long the connection stays without anybody, in ms. Default 5,000. */
  lingerMs?: number;
}

const LINGER_MS = 5_000;

export function createHintListener({ connectionString, schema, onError, lingerMs = LINGER_MS }: HintListenerOptions): HintListener {
  const subscribers = new Map<string, Set<() => void>>();
  let stopListening: (() => Promise<void>) | undefined;
  let lingering: NodeJS.Timeout | undefined;
  const stopping = new Set<Promise<void>>();

  function onNotify(payload: string): void {
    // Empty: connected again, hints may have been missed.
    const heard = payload === '' ? [...subscribers.values()] : [subscribers.get(payload) ?? []];
    for (const onChange of heard.flatMap((listeners) => [...listeners])) {
      onChange();
    }
  }

  function stop(): void {
    clearTimeout(lingering);
    const stopped: Promise<void> | undefined = stopListening?.().finally(() => stopping.delete(stopped as Promise<void>));
    stopListening = undefined;
    if (stopped) {
      stopping.add(stopped);
    }
  }

  return {
    listens: connectionString !== undefined,
    subscribe(hint, onChange) {
      clearTimeout(lingering);
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
            lingering = setTimeout(stop, lingerMs).unref();
          }
        }
      };
    },
    ring: onNotify,
    async close() {
      stop();
      await Promise.all(stopping);
    },
  };
}
