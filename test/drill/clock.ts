/** How long the drill goes on killing. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Time is up, and what has to have happened has. */
  isOver(): boolean;
  /** Time is up. */
  isLate(): boolean;
  elapsedMs(): number;
  /** Sleeps so long, or until about when time is up. */
  pause(ms: number): Promise<void>;
}

/** Longest pause of those who go on after time is up. */
const LATE_PAUSE_MS = 1_000;

export function startClock(durationMs: number, isEnough: () => boolean): Clock {
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  const isLate = () => elapsedMs() >= durationMs;
  return {
    isLate,
    isOver: () => isLate() && isEnough(),
    elapsedMs,
    pause: (ms) => delay(Math.min(ms, Math.max(durationMs - elapsedMs(), LATE_PAUSE_MS))),
  };
}
