import { TidemarkError } from '../errors.ts';

/** The command was called wrongly: exit code 2. Nothing has happened. */
export class UsageError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('usage', message, options);
  }
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
