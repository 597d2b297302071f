import { InvalidInputError } from '../errors.ts';
import { checkOut } from './check-out.ts';
import type { Pool, PoolClient } from './pool.ts';

/**
 * Runs `body` in one transaction of one connection: committed when it resolves, rolled back when it throws.
 * @throws InvalidInputError where a statement failed and `body` went on
 */
export async function inTransaction<T>(pool: Pool, body: (client: PoolClient) => Promise<T>): Promise<T> {
  let broken: Error | undefined;
  // A connection that breaks between two statements emits; the next statement fails with the same news.
  const onError = (error: Error) => {
    broken = error;
  };
  const client = await checkOut(pool, onError);
  try {
    await client.query('begin');
    const value = await body(client);
    // Postgres answers the commit of a transaction with a failed statement by rolling it back, without an error: no commit at all.
    const { command } = await client.query('commit');
    if (command === 'ROLLBACK') {
      throw nothingToCommit();
    }
    return value;
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** The error of a transaction that Postgres only rolls back, whatever it is asked. */
export function nothingToCommit(cause?: unknown): InvalidInputError {
  return new InvalidInputError(
    'A statement of this transaction failed and its error was caught: nothing can be committed. Let the error pass, or use a savepoint.',
    { cause },
  );
}
