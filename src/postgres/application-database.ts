/**
 * The database as an application brings it: a pg Pool, or an adapter of a few lines over another driver.
 *
 * `query` alone is enough to append and to read. A transaction of Tidemark's own also needs a way to begin one: the adapter's
 * `transaction`, or a pool whose connections can be checked out. With neither, the application begins the transaction and joins it with `in(tx)`.
 */
import { SetupError } from '../errors.ts';
import { isPgClient, isPool } from './driver.ts';
import type { Pool, PoolClient } from './pool.ts';
import type { Queryable } from './queryable.ts';
import { inTransaction, nothingToCommit } from './transaction.ts';

export interface ApplicationDatabase extends Queryable {
  /**
   * Runs `body` in one transaction: committed when it resolves, rolled back when it throws.
   * @example transaction: (body) => knex.transaction((trx) => body({ query: (text, values) => … }))
   */
  transaction?<T>(body: (tx: Queryable) => Promise<T>): Promise<T>;
}

/** @throws SetupError where `db` has no way to begin one; InvalidInputError where a statement failed and `body` went on */
export async function runInTransaction<T>(db: ApplicationDatabase, body: (tx: Queryable) => Promise<T>): Promise<T> {
  if (db.transaction) {
    return db.transaction((tx) => committable(tx, body));
  }
  if (isPool(db)) {
    return inTransaction(db, body);
  }
  throw new SetupError(
    'This db cannot begin a transaction. Give createTidemark a pg Pool or an adapter with transaction(body), or use tidemark.in(tx).',
  );
}

const IN_FAILED_TRANSACTION = '25P02';

/**
 * Libraries do not look at what Postgres answers to their commit, which is a rollback, without an error, where a statement has failed. So one that went on
 * after an error is asked whether it still can be committed; a savepoint may have made up for it.
 */
async function committable<T>(tx: Queryable, body: (tx: Queryable) => Promise<T>): Promise<T> {
  let isInDoubt = false;
  const watched: Queryable = {
    async query(text, values) {
      try {
        return await tx.query(text, values);
      } catch (error) {
        isInDoubt = true;
        throw error;
      }
    },
  };
  // A client of pg knows it itself, and stays what it is: it has prepared statements.
  const value = await body(isPgClient(tx) ? tx : watched);
  if (isPgClient(tx) ? !isOpenAndSound(tx) : isInDoubt) {
    await tx.query('select 1').catch((error) => {
      throw error.code === IN_FAILED_TRANSACTION ? nothingToCommit(error) : error;
    });
  }
  return value;
}

/** The direct connection of a pool that was made with one. */
export function connectionStringOf(db: Queryable): string | undefined {
  return isPool(db) ? (db as Partial<Pool>).options?.connectionString : undefined;
}

/** The error of a statement comes before the state that it leaves: what a client says is so once it has heard that the server is ready. */
function isOpenAndSound(client: PoolClient & { readyForQuery?: boolean }): boolean {
  return client.readyForQuery === true && client.getTransactionStatus?.() === 'T';
}
