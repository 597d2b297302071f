/**
 * The tail of a log, followed: its newest entries, then the stream of what happens to it. The browser resumes a stream that breaks where it
 * stopped; one that was refused is opened again here, from the next entry wanted.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import { api } from '../api.ts';
import type { Entry, EntryPage, Metadata, Provenance } from '../api-types.ts';
import { heardFromServer, lostServer } from '../connection.ts';
import { addEntries, setMetadata, type Tail, truncateTail } from './log-tail.ts';

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

interface EntriesEvent {
  startSequenceId: string;
  nextSequenceId: string;
  entries: Entry[];
  provenance?: Provenance[];
}

export function useLogTail(logId: string): FollowedTail {
  const [tail, setTail] = useState<Tail>();
  const [error, setError] = useState<Error>();
  const [isLive, setIsLive] = useState(false);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let stream: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let next = '0';

    const change = (with_: (tail: Tail) => Tail) => setTail((now) => now && with_(now));
    const follow = () => {
      stream = new EventSource(api.eventsAddress(logId, next), { withCredentials: true });
      const on = <T>(name: string, handle: (data: T) => void) =>
        stream?.addEventListener(name, (event: MessageEvent<string>) => {
          if (event.lastEventId !== '') next = event.lastEventId;
          handle(JSON.parse(event.data) as T);
        });
      on<EntriesEvent>('entries', (event) => change((now) => addEntries(now, event, true)));
      on<Metadata & { sequenceId: string }>('metadata', (event) => change((now) => setMetadata(now, event)));
      on<{ startSequenceId: string }>('truncated', (event) => change((now) => truncateTail(now, event.startSequenceId)));
      stream.onopen = () => {
        heardFromServer();
        setIsLive(true);
      };
      stream.onerror = () => {
        setIsLive(false);
        if (stream?.readyState !== EventSource.CLOSED) {
          lostServer();
          return;
        }
        stream.close();
        timer = setTimeout(follow, AGAIN_MS);
      };
    };
    const begin = async () => {
      try {
        const { firstSequenceId, nextSequenceId } = await api.log(logId, signal);
        next = nextSequenceId;
        const page = await pageBefore(logId, BigInt(firstSequenceId), BigInt(nextSequenceId), FIRST_PAGE, signal);
        if (signal.aborted) return;
        setTail(addEntries({ start: BigInt(firstSequenceId), entries: [] }, page, false));
        setError(undefined);
        follow();
      } catch (problem) {
        if (signal.aborted) return;
        setError(problem as Error);
        timer = setTimeout(begin, AGAIN_MS);
      }
    };

    void begin();
    return () => {
      controller.abort();
      clearTimeout(timer);
      stream?.close();
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

async function pageBefore(logId: string, start: bigint, end: bigint, size: bigint, signal?: AbortSignal): Promise<EntryPage> {
  const from = end - size > start ? end - size : start;
  return await api.entries(logId, { start: String(from), end: String(end), limit: Number(size) }, signal);
}
