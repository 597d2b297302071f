/**
 * An attempt that one activity begins and another one may take over, in the same process: it goes on as it is, only who waits for it changes. Whoever waits
 * says when it is to stop.
 */
import type { AttemptOutcome } from '../work/run-unit.ts';

export interface MovingAttempt {
  readonly outcome: Promise<AttemptOutcome>;
  /** From now on it is aborted with this signal, and with no other. */
  follow(signal: AbortSignal): void;
}

export function startMovingAttempt(signal: AbortSignal, run: (signal: AbortSignal) => Promise<AttemptOutcome>): MovingAttempt {
  const controller = new AbortController();
  let unfollow = () => {};

  function follow(next: AbortSignal): void {
    unfollow();
    const onAbort = () => controller.abort(next.reason);
    next.addEventListener('abort', onAbort, { once: true });
    unfollow = () => next.removeEventListener('abort', onAbort);
    if (next.aborted) onAbort();
  }

  follow(signal);
  const outcome = run(controller.signal).finally(() => unfollow());
  // Where it moves and nobody takes it over, its end is in the row all the same.
  outcome.catch(() => {});
  return { outcome, follow };
}
