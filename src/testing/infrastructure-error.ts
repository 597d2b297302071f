import { errorMessage, TidemarkError } from '../errors.ts';

/** A worker waits such errors out for ever; in a test they are what went wrong. */
export const MAX_INFRASTRUCTURE_ERRORS = 3;

export function refuseToWait(id: string, signal: AbortSignal, cause: unknown): TidemarkError {
  return signal.aborted
    ? new TidemarkError(
        'not_idle',
        `${id} was still running when the time was up. Let it end, heed its signal, or give runUntilIdle a longer timeoutMs.`,
        { cause },
      )
    : new TidemarkError('attempt_failed', `${id} fails for a reason that a worker would wait out: ${errorMessage(cause)}`, { cause });
}
