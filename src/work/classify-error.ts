/**
 * What an error of an attempt means for its unit.
 *
 * - infrastructure: Postgres, the disk or the network; the same call can succeed later. Tried for ever, with a capped interval.
 * - fatal: the same call can never succeed (a corrupt entry, an unreadable snapshot, a fold that throws). Dead at once.
 * - handler: thrown by a user's handler without saying which. Tried `maxAttempts` times, then dead.
 */
import { errorMessage, TidemarkError } from '../errors.ts';
import type { UnitError } from './end.ts';

export type ErrorKind = 'infrastructure' | 'fatal' | 'handler';

/** SQLSTATE classes: 08 connection, 40 rollback, 53 resources, 55 not in state, 57 operator, 58 system. */
const TRANSIENT_SQLSTATE = /^(08|40|53|55|57|58)[0-9A-Z]{3}$/;
const SYSTEM_ERROR = /^E[A-Z0-9]{2,}$/;
const CLOSED_CONNECTION =
  /connection terminated|connection ended|timeout exceeded when trying to connect|client has encountered a connection error|connection timeout/i;

export function classifyError(error: unknown): ErrorKind {
  if (error instanceof TidemarkError) {
    return error.retryable ? 'infrastructure' : 'fatal';
  }
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string' && (TRANSIENT_SQLSTATE.test(code) || (SYSTEM_ERROR.test(code) && !code.startsWith('ERR_')))) {
    return 'infrastructure';
  }
  if (error instanceof Error && (error.name === 'AbortError' || CLOSED_CONNECTION.test(error.message))) {
    return 'infrastructure';
  }
  return 'handler';
}

/** 40001, 40P01 and the like; 55P03: a lock that was not to be waited for. */
const CONTENTION_SQLSTATE = /^(40[0-9A-Z]{3}|55P03)$/;
const MOST_CAUSES = 10;

/** A deadlock, or a serialization failure: the database gave this transaction up for the sake of another one. It is not down: neighbours can go on. */
export function isContention(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < MOST_CAUSES; at = at.cause, depth += 1) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && CONTENTION_SQLSTATE.test(code)) {
      return true;
    }
  }
  return false;
}

/** Of a message and of a stack, in characters. */
const MOST_TEXT = 2_000;

/** As kept in the row: the cause's message too, where it does not say it. */
export function unitError(error: unknown, codeWhereItHasNone = 'handler_failed'): UnitError {
  const code = (error as { code?: unknown } | undefined)?.code;
  const message = errorMessage(error);
  const ofCause = error instanceof Error && error.cause !== undefined ? errorMessage(error.cause) : '';
  return {
    code: typeof code === 'string' ? storable(code) : codeWhereItHasNone,
    message: storable(message.includes(ofCause) ? message : `${message} (${ofCause})`),
    ...(error instanceof Error && error.stack ? { stack: storable(error.stack) } : {}),
  };
}

/** A text that Postgres takes: no NUL, no half of a character, not even where it is cut. */
function storable(text: string): string {
  return text
    .slice(0, MOST_TEXT)
    .replace(/[\uD800-\uDBFF]$/, '')
    .replaceAll(/\0|\p{Surrogate}/gu, '\uFFFD');
}
