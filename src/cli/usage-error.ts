import { TidemarkError } from '../errors.ts';
import { parseJobId } from '../jobs/job-id.ts';

/** The command was called wrongly: exit code 2. Nothing has happened. */
export class UsageError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('usage', message, options);
  }
}

/** @throws UsageError for what is no id of a job: before anything is done about the others */
export function checkJobIds(ids: readonly string[]): void {
  asUsage(() => ids.forEach(parseJobId));
}

/** What a parser of an argument refuses is wrong usage, in the parser's own words. */
export function asUsage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TidemarkError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}
