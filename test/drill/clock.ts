/** How long the drill goes on killing. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Time is up. */
  isOver(): boolean;
  elapsedMs(): number;
  /** Sleeps so long, or until time is up. */
  pause(ms: number): Promise<void>;
}

export function startClock(durationMs: number): Clock {
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  return {
    isOver: () => elapsedMs() >= durationMs,
    elapsedMs,
    pause: (ms) => delay(Math.max(0, Math.min(ms, durationMs - elapsedMs()))),
  };
}

/** Fails loudly when the condition does not come true. */
export async function waitUntil(what: string, deadlineMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${deadlineMs / 1_000} s.`);
    await delay(100);
  }
}
