/**
 * What the server says, again and again: at once, then a while after each answer. Not while the tab is hidden; at once when it is shown again.
 * An error leaves the last answer in place beside it, and the next try waits longer, at most 15 s.
 */
import { useCallback, useEffect, useRef, useState } from 'react';

export interface Polled<T> {
  /** The newest answer for this `key`. */
  data: T | undefined;
  error: Error | undefined;
  /** Asks at once. */
  reload(): void;
}

const MAX_WAIT_MS = 15_000;

/** @param key what is asked for: another one drops what was there. @param everyMs 0: once */
export function usePolled<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number, key: string): Polled<T> {
  const [answer, setAnswer] = useState<{ key: string; data?: T; error?: Error }>({ key });
  const newest = useRef({ load, everyMs });
  newest.current = { load, everyMs };
  const ring = useRef(() => {});

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let failures = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLoading = false;
    let isWanted = false;

    const ask = async () => {
      if (isLoading || document.hidden) {
        isWanted = true;
        return;
      }
      isLoading = true;
      isWanted = false;
      clearTimeout(timer);
      try {
        const data = await newest.current.load(signal);
        failures = 0;
        if (!signal.aborted) setAnswer({ key, data });
      } catch (error) {
        failures += 1;
        if (!signal.aborted) {
          setAnswer((last) => ({ ...(last.key === key ? last : {}), key, error: error as Error }));
        }
      }
      isLoading = false;
      if (signal.aborted) return;
      const { everyMs: wait } = newest.current;
      if (isWanted) void ask();
      else if (failures > 0) timer = setTimeout(ask, Math.min(Math.max(wait, 1_000) * 2 ** (failures - 1), MAX_WAIT_MS));
      else if (wait > 0) timer = setTimeout(ask, wait);
    };
    const onVisible = () => {
      if (!document.hidden && (isWanted || newest.current.everyMs > 0)) void ask();
    };

    ring.current = () => void ask();
    document.addEventListener('visibilitychange', onVisible);
    void ask();
    return () => {
      controller.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [key]);

  // What waits for the old interval is asked now.
  const interval = useRef(everyMs);
  useEffect(() => {
    if (interval.current !== everyMs) ring.current();
    interval.current = everyMs;
  }, [everyMs]);

  const reload = useCallback(() => ring.current(), []);
  const current = answer.key === key ? answer : { key };
  return { data: current.data, error: current.error, reload };
}
