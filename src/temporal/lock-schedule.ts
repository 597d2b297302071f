/**
 * One at a time changes a schedule, in the database and in Temporal: whoever applies, pauses or resumes it holds its lock from the first look to the last
 * write. Its firings do not wait for that. A process that hangs loses the lock with its session; what it had not written yet is as if it had never come.
 */
import { UnavailableError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { inTransaction } from '../postgres/transaction.ts';

/** Longer than whoever holds it waits for Temporal. */
const WAIT_MS = 30_000;
const SILENCE_MS = 30_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** @param change what it writes commits when it resolves. @throws UnavailableError where somebody else holds it too long */
export async function lockSchedule<T>(
  { pool, schema, name }: { pool: Pool; schema: string; name: string },
  change: (db: Database) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (tx) => {
    await tx.query(`select set_config('lock_timeout', $1::text, true), set_config('idle_in_transaction_session_timeout', $2::text, true)`, [
      String(WAIT_MS),
      String(SILENCE_MS),
    ]);
    try {
      await tx.query(`select pg_advisory_xact_lock(hashtextextended('tidemark schedule ' || $1::text || '.' || $2::text, 0))`, [
        schema,
        name,
      ]);
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      throw new UnavailableError(`Schedule '${name}' is being changed by another process. Nothing was changed: try again.`, {
        cause: error,
      });
    }
    return change(inSchema(tx, schema));
  });
}
