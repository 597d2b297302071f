/** Why a request is not carried out, whatever it asks for. */
import { TidemarkError } from '../errors.ts';

export class UnauthenticatedError extends TidemarkError {
  constructor(
    message = 'This needs a token: send it as "Authorization: Bearer …". Whoever runs the server makes one with "tidemark tokens create".',
  ) {
    super('unauthenticated', message);
  }
}

export class ForbiddenError extends TidemarkError {
  constructor(message: string, code = 'forbidden') {
    super(code, message);
  }
}

/** Asked too often: the same request is answered after `retryAfterMs`. */
export class TooManyRequestsError extends TidemarkError {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, message = `Too many requests: wait ${Math.ceil(retryAfterMs / 1_000)} s.`) {
    super('too_many_requests', message, { retryable: true });
    this.retryAfterMs = retryAfterMs;
  }
}

/** The head or the body of a request did not come in time. */
export class RequestTimeoutError extends TidemarkError {
  constructor(ms: number) {
    super('request_timeout', `The request did not come within ${Math.round(ms / 1_000)} s: send it again, faster or in smaller parts.`);
  }
}
