/** The tail of a log, followed: its newest entries, then what happens to it. The client resumes a stream that breaks where it stopped. */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { EntriesPage } from '../api-types.ts';
import { api, client } from '../client.ts';
import { addEntries, applyEvent, type Tail } from './log-tail.ts';

export interface FollowedTail {
  tail: Tail | undefined;
  error: Error | undefined;
  /** Whether what happens now is seen. */
  isLive: boolean;
  hasEarlier: boolean;
  earlier(): Promise<void>;
}

const FIRST_PAGE = 50n;
const PAGE = 100n;
const AGAIN_MS = 2_000;

export function useLogTail(logId: string): FollowedTail {
  const [tail, setTail] = useState<Tail>();
  const [error, setError] = useState<Error>();
  const [isLive, setIsLive] = useState(false);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let timer: ReturnType<typeof setTimeout> | undefined;

    const follow = async () => {
      try {
        const log = await client.logs.get(logId, { signal });
        const start = BigInt(log.firstSequenceId);
        const from = BigInt(log.nextSequenceId);
        const page = await pageBefore(logId, start, from, FIRST_PAGE, signal);
        if (signal.aborted) return;
        setTail(addEntries({ start, entries: [] }, page, false));
        setError(undefined);
        setIsLive(true);
        for await (const event of client.events(logId, { from, signal, onState: (state) => setIsLive(state === 'open') })) {
          setTail((now) => now && applyEvent(now, event));
        }
      } catch (problem) {
        if (signal.aborted) return;
        setIsLive(false);
        setError(problem as Error);
        timer = setTimeout(follow, AGAIN_MS);
      }
    };

    void follow();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [logId]);

  const shown = useRef(tail);
  shown.current = tail;
  const earlier = useCallback(async () => {
    const now = shown.current;
    const first = now?.entries[0]?.sequenceId;
    if (now === undefined || first === undefined) return;
    try {
      const page = await pageBefore(logId, now.start, first, PAGE);
      setTail((newest) => newest && addEntries(newest, page, false));
    } catch (problem) {
      setError(problem as Error);
    }
  }, [logId]);

  const first = tail?.entries[0]?.sequenceId;
  return { tail, error, isLive, hasEarlier: tail !== undefined && first !== undefined && first > tail.start, earlier };
}

async function pageBefore(logId: string, start: bigint, end: bigint, size: bigint, signal?: AbortSignal): Promise<EntriesPage> {
  const from = end - size > start ? end - size : start;
  return await api.entries(logId, { start: String(from), end: String(end), limit: Number(size) }, signal);
}
