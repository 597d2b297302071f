/** Keeps something running until it is asked to stop: what ends by itself is started again, at growing intervals. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logging.ts';
import { explainError } from './explain-error.ts';
import { untilAborted } from './stop-signal.ts';

export interface Running {
  /** Settles when it has ended by itself or been stopped. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const MAX_PAUSE_MS = 30_000;
/** After this long a failure counts as the first one. */
const STEADY_MS = 60_000;

/** @throws what the first start throws: settings are wrong, and trying again would hide it */
export async function keepRunning(start: () => Promise<Running>, { signal, log }: { signal: AbortSignal; log: Logger }): Promise<void> {
  let failures = 0;
  let running: Running | undefined = await start();
  for (;;) {
    if (running) {
      const startedAt = performance.now();
      log.info('running');
      const ended = running.ended.then(
        () => new Error('it ended by itself'),
        (error: unknown) => error,
      );
      const end = await Promise.race([untilAborted(signal), ended]);
      if (signal.aborted) {
        log.info('draining');
      } else {
        failures = performance.now() - startedAt > STEADY_MS ? 1 : failures + 1;
        log.error(`failed, starting again: ${explainError(end).message}`);
      }
      // Also one that was told to stop while it was starting.
      await running.stop();
    }
    if (signal.aborted) {
      return;
    }
    await delay(Math.min(500 * 2 ** failures, MAX_PAUSE_MS), undefined, { signal }).catch(() => {});
    running = signal.aborted ? undefined : await startAgain();
  }

  async function startAgain(): Promise<Running | undefined> {
    try {
      return await start();
    } catch (error) {
      failures += 1;
      log.error(`cannot start, trying again: ${explainError(error).message}`);
      return undefined;
    }
  }
}
