/**
 * A process that starts before its servers do waits for them, for a while; what waiting cannot mend (a wrong password, a database
 * that is not migrated) it reports at once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { UnavailableError } from '../errors.ts';
import type { Logger } from '../logging.ts';
import { classifyError } from '../work/classify-error.ts';
import { explainError } from './explain-error.ts';

export interface WaitOptions {
  name: string;
  /** Throws while the server is not there. */
  probe: () => Promise<unknown>;
  log: Logger;
  signal: AbortSignal;
  deadlineMs?: number;
}

/** @throws UnavailableError after the deadline, default 60 s; what the probe throws where waiting is no use */
export async function waitUntilReachable({ name, probe, log, signal, deadlineMs = 60_000 }: WaitOptions): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      await probe();
      if (failures > 0) log.info(`${name} answers`);
      return;
    } catch (error) {
      const { message } = explainError(error);
      if (!isTransient(error)) {
        throw error;
      }
      const pause = Math.min(250 * 2 ** failures, 5_000);
      if (performance.now() + pause > deadline) {
        throw new UnavailableError(`${name} did not answer for ${Math.round(deadlineMs / 1_000)} s: ${message}`, { cause: error });
      }
      log.warn(`${name} does not answer yet, trying again: ${message}`);
      await delay(pause, undefined, { signal }).catch(() => {});
    }
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof AggregateError ? error.errors.every(isTransient) : classifyError(error) === 'infrastructure';
}
