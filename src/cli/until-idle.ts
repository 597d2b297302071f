/** Tells a worker that nothing has been claimable or running for so long. A database that does not answer says neither. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logging.ts';
import type { Database } from '../postgres/queryable.ts';
import { readDueWork } from '../work/due-work.ts';

export interface UntilIdleOptions {
  /** Undefined: it never ends by itself. */
  seconds: number | undefined;
  /** What the worker runs. */
  subscriptions?: readonly string[] | undefined;
  except?: readonly string[] | undefined;
  /** Ends the looks. */
  signal: AbortSignal;
  log: Logger;
}

const MOST_BETWEEN_LOOKS_MS = 1_000;

/** @returns aborted when it is idle, or when `signal` is */
export function untilIdle(db: Database, { seconds, subscriptions, except, signal, log }: UntilIdleOptions): AbortSignal {
  if (seconds === undefined) {
    return signal;
  }
  const scope = { ...(subscriptions ? { only: subscriptions } : {}), ...(except ? { except } : {}) };
  const idle = new AbortController();
  const lookEveryMs = Math.min((seconds * 1_000) / 4, MOST_BETWEEN_LOOKS_MS);
  void (async () => {
    let busyAt = performance.now();
    while (!signal.aborted) {
      await delay(lookEveryMs, undefined, { signal }).catch(() => {});
      const isIdle = await readDueWork(db, scope).then(
        ({ due, running }) => due + running === 0,
        () => false,
      );
      if (!isIdle) {
        busyAt = performance.now();
      } else if (performance.now() - busyAt >= seconds * 1_000 && !signal.aborted) {
        log.info(`nothing to do for ${seconds} s: ending`);
        break;
      }
    }
    idle.abort();
  })();
  return idle.signal;
}
