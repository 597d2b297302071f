/** Work that is too much for a server to do for everybody at the same time, and of which nobody may take all. */
import { TooManyRequestsError } from './refusals.ts';

export interface FewAtOnceOptions {
  /** For the message: 'imports'. */
  what: string;
  most: number;
  /** Of one caller. Default: half of them. */
  mostOfOne?: number | undefined;
  /** Where there is no place. */
  retryAfterMs?: number;
}

/** @returns takes a place for a caller. @throws TooManyRequestsError where there is none; @returns of that: gives it back, once */
export function fewAtOnce({
  what,
  most,
  mostOfOne = Math.ceil(most / 2),
  retryAfterMs = 1_000,
}: FewAtOnceOptions): (caller: string) => () => void {
  const runningOf = new Map<string, number>();
  let running = 0;
  return (caller) => {
    const own = runningOf.get(caller) ?? 0;
    if (own >= mostOfOne) {
      throw new TooManyRequestsError(
        retryAfterMs,
        `${own} ${what} of yours are open, the most of one caller: end one, or try again later.`,
      );
    }
    if (running >= most) {
      throw new TooManyRequestsError(retryAfterMs, `${running} ${what} are open, the most that this server takes: try again later.`);
    }
    running += 1;
    runningOf.set(caller, own + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      running -= 1;
      const left = (runningOf.get(caller) as number) - 1;
      if (left > 0) runningOf.set(caller, left);
      else runningOf.delete(caller);
    };
  };
}
