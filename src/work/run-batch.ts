/**
 * Carries out units that run together: one call of their handler, one transaction for what it writes and for the ends of those that did not fail.
 *
 * - A unit that the handler says has failed is tried again alone, or is dead, as after an attempt of its own.
 * - What the handler throws says nothing about any single unit: they all leave to run alone, and no failure is counted.
 * - An error of the infrastructure leaves the batch as it is; it is thrown for the caller to back off. A deadlock or a serialization failure is none.
 * - Where another attempt has begun one of them, nothing was changed: what is still this one's leaves to run alone.
 */
import { FencedError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { RunningAttempt } from './attempt.ts';
import { classifyError, isContention, unitError } from './classify-error.ts';
import { failBatch, finishBatch, recordProgress, releaseBatch, releaseWork } from './end.ts';
import type { ObserveEnd } from './observe.ts';
import type { BurstCounts } from './run-burst.ts';
import { endFailedAttempt } from './run-unit.ts';
import type { Unit, UnitBatch, UnitHandler } from './unit.ts';
import { UnitTransaction } from './unit-database.ts';

export interface BatchOptions {
  pool: Pool;
  schema: string;
  signal: AbortSignal;
  observe?: ObserveEnd | undefined;
}

/** @param units begun under one fence */
export async function runBatch(
  units: readonly [Unit, ...Unit[]],
  handler: UnitHandler,
  batch: UnitBatch,
  options: BatchOptions,
): Promise<BurstCounts> {
  const { pool, schema, signal } = options;
  const [first] = units;
  const db = inSchema(pool, schema);
  const beganAt = performance.now();
  const attempt = new RunningAttempt(signal, handler.deadlineMs);
  const transaction = new UnitTransaction(pool, schema);
  const observe = (unit: Unit, outcome: 'done' | 'failed' | 'dead') =>
    options.observe?.({ group: unit.group, outcome, durationMs: performance.now() - beganAt });
  let failed: ReadonlyMap<Unit, unknown>;
  try {
    const running = batch.run(units, {
      signal: attempt.signal,
      db: transaction.db,
      async extend() {
        await recordProgress(db, first, first.progress ?? null);
        attempt.extend();
      },
    });
    failed = await attempt.unlessAborted(running);
    const finished = units.filter((unit) => !failed.has(unit));
    if (finished.length === 0) {
      await transaction.rollback();
    } else {
      await transaction.commitWith(async (own) => {
        const [fenced] = await finishBatch(own, finished);
        if (fenced !== undefined) {
          throw new FencedError(fenced);
        }
      });
    }
    for (const unit of finished) {
      observe(unit, 'done');
    }
  } catch (cause) {
    await transaction.rollback();
    const verdict = signal.aborted ? undefined : handler.onError?.(cause, first);
    const fenced = cause instanceof FencedError;
    const isOutage = verdict ? verdict.outage : classifyError(cause) === 'infrastructure' && !isContention(cause);
    if (!fenced && (signal.aborted || isOutage)) {
      await failBatch(db, units, unitError(cause, 'interrupted'));
      throw cause;
    }
    const released = await releaseBatch(db, units, fenced ? {} : { error: unitError(cause), delayMs: verdict?.retryInMs ?? 0 });
    if (!fenced) {
      for (const unit of units) {
        observe(unit, 'failed');
      }
    }
    return { finished: 0, released };
  } finally {
    attempt.end();
  }
  let released = 0;
  for (const [unit, cause] of failed) {
    const outcome = await endFailedAttempt(unit, handler, cause, { pool, schema, signal, inBurst: true });
    if (outcome.type === 'failed') {
      if (outcome.kind === 'infrastructure') {
        throw outcome.cause;
      }
      await releaseWork(db, unit, { error: outcome.error });
    }
    released += outcome.type === 'dead' || outcome.type === 'fenced' ? 0 : 1;
    observe(unit, outcome.type === 'dead' ? 'dead' : 'failed');
  }
  return { finished: units.length - failed.size, released };
}
