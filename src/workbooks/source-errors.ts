/** What can be wrong with a source. Messages name its host, and nothing that was sent to it. */
import { TidemarkError } from '../errors.ts';
import { NonRetryableError } from '../work/retry-policy.ts';

/** It did not answer, or not with what it should: another attempt may succeed. */
export class SourceUnavailableError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('source_unavailable', message, { retryable: true, ...options });
  }
}

/** It says no, or is not what its table says: somebody has to change something. */
export class SourceRefusedError extends NonRetryableError {
  override readonly code = 'source_refused';
}

/** What was read before is not what is there now. */
export class SourceChangedError extends TidemarkError {
  constructor(message: string) {
    super('source_changed', message, { retryable: true });
  }
}
