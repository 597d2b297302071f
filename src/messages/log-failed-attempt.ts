/** The line of an attempt that failed. What the handler logs itself may not say which message ended how. */
import { errorMessage } from '../errors.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { ErrorVerdict, Unit } from '../work/unit.ts';

export interface FailedAttempt {
  messageId: string;
  unit: Unit;
  error: unknown;
  /** Of it; undefined: an outage. */
  verdict: ErrorVerdict | undefined;
  maxAttempts: number;
}

export function logFailedAttempt(log: HandlerDependencies['log'], { messageId, unit, error, verdict, maxAttempts }: FailedAttempt): void {
  const fields = { messageId, subscription: unit.group, attempt: unit.attempt, error };
  const what = errorMessage(error);
  if (verdict === undefined || verdict.outage) {
    log?.('warn', `Met an outage, and is tried again: ${what}`, fields);
  } else if (verdict.fatal || unit.failures + 1 >= maxAttempts) {
    log?.('error', `Is dead: ${what}`, fields);
  } else {
    log?.('warn', `Failed, and is tried again in ${verdict.retryInMs ?? 0} ms: ${what}`, fields);
  }
}
