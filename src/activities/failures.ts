/** The one place where errors become Temporal failures. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { errorMessage, TidemarkError } from '../errors.ts';

/** An attempt that another one may follow. Its category keeps what is expected (a takeover) out of the error metrics. */
export function toFailure(error: unknown, options: { benign?: boolean } = {}): ApplicationFailure {
  return ApplicationFailure.create({
    type: error instanceof TidemarkError ? error.code : error instanceof Error ? error.name : 'Error',
    message: errorMessage(error),
    nonRetryable: false,
    ...(error instanceof Error ? { cause: error } : {}),
    ...(options.benign ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}
