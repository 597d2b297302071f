/**
 * Carries out one begun unit: handler, then its end, fenced. Knows no Temporal.
 *
 * Outcomes: 'finished'; 'long' (go on elsewhere, from the recorded progress); 'dead' (it gave up, its error is kept);
 * 'failed' (the attempt is over and another one may succeed: `error` says why; `kind` says whose fault it was);
 * 'released' (the same, and the unit is claimable again later: this execution is over).
 * A fenced attempt has changed nothing and ends as 'fenced'. 'handled', in a burst alone: the handler has returned, and one of these follows.
 */
import { FencedError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { RunningAttempt } from './attempt.ts';
import { classifyError, type ErrorKind, isContention, unitError } from './classify-error.ts';
import { endFencedAttempt, failWork, finishWork, recordProgress, releaseBatch, releaseWork, type UnitError } from './end.ts';
import type { ObserveEnd } from './observe.ts';
import type { ErrorVerdict, Unit, UnitHandler } from './unit.ts';
import { UnitTransaction } from './unit-database.ts';
import type { WatchFence } from './watch-fences.ts';

export type AttemptOutcome =
  | { type: 'finished' | 'long' | 'fenced' | 'released' }
  | { type: 'dead'; error: UnitError }
  | { type: 'failed'; error: UnitError; kind: ErrorKind; cause: unknown };

export interface AttemptOptions {
  pool: Pool;
  /** For progress, which does not wait for whoever holds the connections of `pool`. Default: `pool`. */
  statements?: Pool | undefined;
  schema: string;
  /** Aborted when the worker shuts down or the execution is cancelled: the attempt says nothing about the unit. */
  signal: AbortSignal;
  /** How long the attempt may go without an end or progress, in ms. */
  deadlineMs: number;
  yieldAt?: number;
  /** In a burst an error of which the handler says nothing is not recorded here: the unit is released to run alone. */
  inBurst?: boolean;
  onProgress?: (progress: unknown) => void;
  /** Tells an attempt of what may be cancelled that it is. */
  watch?: WatchFence | undefined;
  observe?: ObserveEnd | undefined;
}

/** Of an attempt in a burst, which records many ends at once. */
export interface GatheredEnds {
  /** Ends a unit of no entry that has written nothing through its `db` and has no result. */
  finish: (unit: Unit) => Promise<void>;
}

/** The handler has returned, and `finish` records its end. */
export interface Handled {
  type: 'handled';
  ended: Promise<AttemptOutcome>;
}

const OBSERVED = { finished: 'done', dead: 'dead', failed: 'failed', released: 'failed' } as const;

export function runUnit(unit: Unit, handler: UnitHandler, options: AttemptOptions & GatheredEnds): Promise<AttemptOutcome | Handled>;
export function runUnit(unit: Unit, handler: UnitHandler, options: AttemptOptions): Promise<AttemptOutcome>;
export async function runUnit(
  unit: Unit,
  handler: UnitHandler,
  options: AttemptOptions & Partial<GatheredEnds>,
): Promise<AttemptOutcome | Handled> {
  const { pool, statements = pool, schema, yieldAt, onProgress, finish } = options;
  const beganAt = performance.now();
  const attempt = new RunningAttempt(options.signal, options.deadlineMs);
  const transaction = new UnitTransaction(pool, schema);
  const stopWatching = handler.cancellable ? options.watch?.(unit, () => attempt.abort(new FencedError(unit.id))) : undefined;
  const over = (outcome: AttemptOutcome): AttemptOutcome => {
    // One that goes on elsewhere, or was taken over, has not ended.
    if (outcome.type !== 'long' && outcome.type !== 'fenced') {
      options.observe?.({ group: unit.group, workId: unit.id, outcome: OBSERVED[outcome.type], durationMs: performance.now() - beganAt });
    }
    return outcome;
  };
  let outcome: AttemptOutcome;
  try {
    const running = handler.run(unit, {
      get signal() {
        return attempt.signal;
      },
      ...(yieldAt === undefined ? {} : { yieldAt }),
      db: transaction.db,
      async recordProgress(progress) {
        onProgress?.(progress);
        await recordProgress(inSchema(statements, schema), unit, progress);
        attempt.extend();
      },
      extend: () => attempt.extend(),
    });
    // A handler that ignores its signal must not hold its place, nor record what its deadline or a shutdown has ended.
    const result = await attempt.unlessAborted(running);
    attempt.end();
    if (result === 'long') {
      await transaction.rollback();
      return { type: 'long' };
    }
    if (finish && !unit.entry && Object.keys(result).length === 0 && transaction.closeUnused()) {
      const ended = finish(unit).then(
        () => over({ type: 'finished' }),
        async (cause) => over(await endThrown(unit, handler, cause, options)),
      );
      return { type: 'handled', ended };
    }
    await transaction.commitWith((db) => finishWork(db, unit, result));
    outcome = { type: 'finished' };
  } catch (cause) {
    await transaction.rollback();
    outcome = await endThrown(unit, handler, cause, options);
  } finally {
    stopWatching?.();
    attempt.end();
  }
  return over(outcome);
}

async function endThrown(unit: Unit, handler: UnitHandler, cause: unknown, options: AttemptOptions): Promise<AttemptOutcome> {
  if (cause instanceof FencedError) {
    await endFencedAttempt(inSchema(options.pool, options.schema), unit);
    return { type: 'fenced' };
  }
  return await endFailedAttempt(unit, handler, cause, options);
}

/** Records how an attempt ended that threw `cause`: dead, claimable again later, or still its execution's. */
export async function endFailedAttempt(
  unit: Unit,
  handler: UnitHandler,
  cause: unknown,
  { pool, schema, signal, inBurst }: Pick<AttemptOptions, 'pool' | 'schema' | 'signal' | 'inBurst'>,
): Promise<AttemptOutcome> {
  const database = inSchema(pool, schema);
  const verdict = signal.aborted ? undefined : handler.onError?.(cause, unit);
  const kind = signal.aborted ? 'infrastructure' : verdict ? kindOf(verdict) : classifyError(cause);
  const error = unitError(cause, signal.aborted ? 'interrupted' : 'handler_failed');
  const gotFurther = verdict?.gotFurther === true;
  const own = kind === 'handler' && !gotFurther;
  const dead = kind === 'fatal' || (own && unit.failures + 1 >= handler.maxAttempts);
  const retryInMs = dead ? undefined : verdict?.retryInMs;
  // It may be of what runs beside it, so it is not counted; stopping the burst would stop its neighbours each time.
  const leavesBurst = inBurst && !signal.aborted && isContention(cause);
  if (inBurst && !leavesBurst && kind !== 'infrastructure' && verdict === undefined) {
    return { type: 'failed', error, kind, cause };
  }
  try {
    if (leavesBurst) {
      return { type: (await releaseBatch(database, [unit], { error })) > 0 ? 'released' : 'fenced' };
    }
    if (retryInMs !== undefined) {
      await releaseWork(database, unit, { ...(gotFurther ? {} : { error }), delayMs: retryInMs });
      return { type: 'released' };
    }
    await failWork(database, unit, error, { dead, own });
  } catch (recordError) {
    if (recordError instanceof FencedError) {
      await endFencedAttempt(database, unit);
      return { type: 'fenced' };
    }
    // Not recorded: the attempt counts as one whose end was not seen.
    return { type: 'failed', error, kind: 'infrastructure', cause: recordError };
  }
  return dead ? { type: 'dead', error } : { type: 'failed', error, kind, cause };
}

const kindOf = ({ outage, fatal }: ErrorVerdict): ErrorKind => (outage ? 'infrastructure' : fatal ? 'fatal' : 'handler');
