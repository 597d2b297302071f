/**
 * Whose fault an attempt's error is, for deliveries, batches and jobs alike. What the handler throws is its own failure, whatever its kind: a service that does
 * not answer is the handler's to name. Only the database that the attempt is in is not: its outages never count. A deadlock or a serialization failure is no
 * outage: it counts as any other error, but for one in a burst (run-unit.ts), where it may be of what runs beside it.
 */
import { errorMessage } from '../errors.ts';
import { classifyError, isContention } from './classify-error.ts';
import type { HandlerDependencies } from './handler-dependencies.ts';
import { GotFurtherError, type RetryPolicy, retryInMs } from './retry-policy.ts';
import type { ErrorVerdict, Unit } from './unit.ts';

/** Whose handler it is: `subscription 'mail'`, and when it is tried again. */
export interface ErrorsOwner {
  owner: string;
  retry?: RetryPolicy | undefined;
}

export interface HandlerErrors {
  /** The handler threw it, or said it of a message. @returns it as an error */
  own(error: unknown): Error;
  /** A call of the attempt's own database: where it fails for a reason that says nothing of the handler, that is remembered. */
  watch<T>(call: Promise<T>): Promise<T>;
  /** As UnitHandler.onError. */
  verdictOf(error: unknown, unit: Unit): ErrorVerdict | undefined;
}

export function createHandlerErrors({ owner, retry }: ErrorsOwner, log: HandlerDependencies['log']): HandlerErrors {
  const thrown = new WeakSet<object>();
  const outages = new WeakSet<object>();

  const retryAfter = (error: unknown, failures: number): number | undefined => {
    try {
      return retryInMs(error, failures, retry);
    } catch (broken) {
      log?.('error', `retry.when of ${owner} threw: ${errorMessage(broken)}`, {});
      return retryInMs(error, failures, { ...retry, when: () => undefined });
    }
  };

  return {
    own(error) {
      const failure = error instanceof Error ? error : new Error(`The handler threw ${typeof error} '${String(error).slice(0, 200)}'.`);
      thrown.add(failure);
      return failure;
    },
    watch: (call) =>
      call.catch((error) => {
        if (classifyError(error) === 'infrastructure' && !isContention(error)) {
          outages.add(error as object);
        }
        throw error;
      }),
    verdictOf(error, unit) {
      if (thrown.has(error as object)) {
        if (isFrom(outages, error)) {
          return { outage: true };
        }
      } else if (classifyError(error) === 'infrastructure') {
        return undefined;
      } else if (classifyError(error) === 'fatal') {
        return { fatal: true };
      }
      const gotFurther = error instanceof GotFurtherError;
      const waitMs = gotFurther ? retryAfter(error.cause, 1) : retryAfter(error, unit.failures + 1);
      return waitMs === undefined ? { fatal: true } : { retryInMs: waitMs, ...(gotFurther ? { gotFurther } : {}) };
    },
  };
}

/** The error itself, or what it says is its cause. */
function isFrom(errors: WeakSet<object>, error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if (errors.has(at)) {
      return true;
    }
  }
  return false;
}
