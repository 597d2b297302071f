import { TidemarkError } from '../errors.ts';
import { explainError } from './explain-error.ts';

/** What was asked for is committed, and what became of it cannot be told: exit code 4. It may be going on. */
export class OutcomeUnknownError extends TidemarkError {
  constructor(jobId: string, cause: unknown) {
    super(
      'outcome_unknown',
      `What becomes of ${jobId} is not known: ${explainError(cause).message.replace(/[.]?$/, '.')} It is not ended by that: 'tidemark jobs watch ${jobId}' looks again.`,
      { cause },
    );
  }
}
