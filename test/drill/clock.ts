/** How long the drill goes on killing. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Time is up, and what has to have happened has; or the drill cannot go on. */
  isOver(): boolean;
  /** Time is up. */
  isLate(): boolean;
  elapsedMs(): number;
  /** Sleeps so long, or until it is over. */
  pause(ms: number): Promise<void>;
}

const LOOK_EVERY_MS = 200;

/** @param giveUp aborted when the drill cannot go on: it is over for everyone */
export function startClock(durationMs: number, isEnough: () => boolean, giveUp: AbortSignal): Clock {
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  const isLate = () => elapsedMs() >= durationMs;
  const isOver = () => giveUp.aborted || (isLate() && isEnough());
  return {
    isLate,
    isOver,
    elapsedMs,
    async pause(ms) {
      const until = performance.now() + ms;
      for (let left = ms; left > 0 && !isOver(); left = until - performance.now()) await delay(Math.min(left, LOOK_EVERY_MS));
    },
  };
}
