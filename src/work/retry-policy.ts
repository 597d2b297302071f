/** When a failed attempt is followed by another: by the kind of its error, at growing intervals, with jitter so that many do not come back at once. */
import { InvalidInputError } from '../errors.ts';

export interface RetryPolicy {
  /** Before the second attempt. Default 500. */
  readonly initialMs?: number;
  /** At most. Default 600,000, or `initialMs` where that is more. */
  readonly maxMs?: number;
  /** From one to the next. Default 2. */
  readonly factor?: number;
  /** How much of an interval is drawn by chance, from 0 to 1. Default 0.2: of 1,000 ms it leaves 800 to 1,000. */
  readonly jitter?: number;
  /** By the error: 'dead' gives up at once, a number is the interval in ms, 'retry' or nothing goes by the rest of the policy. */
  readonly when?: (error: unknown, attempt: number) => 'retry' | 'dead' | number | undefined;
}

/** Thrown by a handler: no other attempt can succeed. The message is dead at once, with this error. */
export class NonRetryableError extends Error {
  override readonly name = 'NonRetryableError';
  readonly code: string = 'non_retryable';
}

/** Thrown by a handler: another attempt, but not before so long. As a Retry-After says. */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError';
  readonly code: string = 'retry_after';
  /** In ms. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number, options?: { cause?: unknown }) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The attempt got further than the one before, and what stopped it is no failure: another one goes on, when `cause` says, and this one is not counted. */
export class GotFurtherError extends Error {
  override readonly name = 'GotFurtherError';

  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

const MAX_INTERVAL_MS = 2_147_483_647;

/** @param attempt that failed, from 1. @returns ms until the next one; undefined where there is none */
export function retryInMs(
  error: unknown,
  attempt: number,
  policy: RetryPolicy = {},
  random: () => number = Math.random,
): number | undefined {
  if (error instanceof NonRetryableError) {
    return undefined;
  }
  if (error instanceof RetryAfterError) {
    return clamp(error.retryAfterMs);
  }
  const said = policy.when?.(error, attempt);
  if (said === 'dead') {
    return undefined;
  }
  if (typeof said === 'number') {
    return clamp(said);
  }
  const { initialMs = 500, maxMs = Math.max(600_000, initialMs), factor = 2, jitter = 0.2 } = policy;
  return clamp(Math.min(initialMs * factor ** (attempt - 1), maxMs) * (1 - jitter * random()));
}

const clamp = (ms: number): number => (Number.isFinite(ms) ? Math.min(Math.max(Math.round(ms), 0), MAX_INTERVAL_MS) : 0);

/** @param owner whose it is: `subscription 'mail'`. @throws InvalidInputError */
export function checkRetry(owner: string, { initialMs, maxMs, factor, jitter, when }: RetryPolicy = {}): void {
  const limits: [string, number | undefined, number, number][] = [
    ['initialMs', initialMs, 0, MAX_INTERVAL_MS],
    ['maxMs', maxMs, 0, MAX_INTERVAL_MS],
    ['factor', factor, 1, 100],
    ['jitter', jitter, 0, 1],
  ];
  for (const [option, value, least, most] of limits) {
    if (value !== undefined && !(typeof value === 'number' && value >= least && value <= most)) {
      throw new InvalidInputError(`retry.${option} of ${owner} is ${value}: use a number from ${least} to ${most}.`);
    }
  }
  if (when !== undefined && typeof when !== 'function') {
    throw new InvalidInputError(`retry.when of ${owner} is a ${typeof when}: give a function of the error.`);
  }
}
