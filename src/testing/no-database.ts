import { SetupError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** For a handler that runs without a database: one that uses it learns what to do. */
export function noDatabase(advice: string): Queryable {
  return {
    async query() {
      throw new SetupError(`There is no database here. ${advice}`);
    },
  };
}
