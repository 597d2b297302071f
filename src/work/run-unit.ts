/**
 * Carries out one begun unit: handler, then its end, fenced. Knows no Temporal.
 *
 * Outcomes: 'finished'; 'long' (go on elsewhere, from the recorded progress); 'dead' (it gave up, its error is kept);
 * 'failed' (the attempt is over and another one may succeed: `error` says why; `kind` says whose fault it was).
 * A fenced attempt has changed nothing and ends as 'fenced'.
 */
import { FencedError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { classifyError, type ErrorKind, unitError } from './classify-error.ts';
import { failWork, finishWork, recordProgress, type UnitError } from './end.ts';
import type { Unit, UnitHandler } from './unit.ts';
import { unitTransaction } from './unit-database.ts';

export type AttemptOutcome =
  | { type: 'finished' | 'long' | 'fenced' }
  | { type: 'dead'; error: UnitError }
  | { type: 'failed'; error: UnitError; kind: ErrorKind; cause: unknown };

export interface AttemptOptions {
  pool: Pool;
  schema: string;
  signal: AbortSignal;
  yieldAt?: number;
  /** In a burst an error of the unit itself is not recorded here: the unit is released to run alone. */
  inBurst?: boolean;
  onProgress?: (progress: unknown) => void;
}

export async function runUnit(unit: Unit, handler: UnitHandler, options: AttemptOptions): Promise<AttemptOutcome> {
  const { pool, schema, signal, yieldAt, inBurst, onProgress } = options;
  const database = inSchema(pool, schema);
  const transaction = unitTransaction(pool, schema);
  try {
    const outcome = await handler.run(unit, {
      signal,
      ...(yieldAt === undefined ? {} : { yieldAt }),
      db: transaction.db,
      async recordProgress(progress) {
        onProgress?.(progress);
        await recordProgress(database, unit, progress);
      },
    });
    // A handler that ignores its signal must not record what its deadline or a takeover has ended.
    signal.throwIfAborted();
    if (outcome === 'long') {
      await transaction.rollback();
      return { type: 'long' };
    }
    await transaction.commitWith((db) => finishWork(db, unit, outcome));
    return { type: 'finished' };
  } catch (cause) {
    await transaction.rollback();
    if (cause instanceof FencedError) {
      return { type: 'fenced' };
    }
    const kind = classifyError(cause);
    const error = unitError(cause);
    const dead = kind === 'fatal' || (kind === 'handler' && unit.attempt >= handler.maxAttempts);
    if (inBurst && kind !== 'infrastructure') {
      return { type: 'failed', error, kind, cause };
    }
    try {
      await failWork(database, unit, error, dead);
    } catch (recordError) {
      if (recordError instanceof FencedError) {
        return { type: 'fenced' };
      }
      // Not recorded: the attempt counts as one whose end was not seen.
      return { type: 'failed', error, kind: 'infrastructure', cause: recordError };
    }
    return dead ? { type: 'dead', error } : { type: 'failed', error, kind, cause };
  }
}
