/**
 * Carries out a burst: its units side by side, each begun and finished on its own.
 *
 * - An error of a unit itself, a deadline, or a unit that turns out long: it leaves the burst and runs alone, unless its handler says that it is dead.
 * - An infrastructure error stops the burst: units in hand end, then the error is thrown for the caller to back off.
 * - Units whose handler takes them together run as a batch: see run-batch.ts.
 * - Run again after a death, it begins what is not finished; what had been begun and not ended leaves to run alone.
 * - It goes on with what is ready in its group, and for a moment waits for more: while units keep coming they need no execution each.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FencedError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { beginBeyondBurst, beginBurst, closeBurst } from './begin.ts';
import { unitError } from './classify-error.ts';
import { failBatch, releaseWork, type UnitError } from './end.ts';
import { finishTogether } from './finish-together.ts';
import type { ObserveEnd } from './observe.ts';
import { runBatch } from './run-batch.ts';
import { type AttemptOutcome, runUnit } from './run-unit.ts';
import { sliceSizes } from './slice-sizes.ts';
import type { HandlerOf, Unit, UnitHandler } from './unit.ts';
import type { WatchFence } from './watch-fences.ts';

export interface BurstOptions {
  pool: Pool;
  /** For beginnings, ends and progress, beside what handlers do in `pool`. Default: `pool`. */
  statements?: Pool | undefined;
  schema: string;
  /** @returns undefined where this worker does not know the workflow */
  handlerOf: HandlerOf;
  signal: AbortSignal;
  /** Units side by side. */
  width: number;
  /** How long one unit may run in a burst before it has to run alone, in ms; one with a strict deadline may until that. */
  unitBudgetMs: number;
  /** How long it goes on with ready units of its group beyond its own, in ms, from its beginning: six times as long while that keeps nobody waiting. Absent: not at all. */
  goesOnForMs?: number;
  onProgress?: (counts: BurstCounts) => void;
  observe?: ObserveEnd | undefined;
  watch?: WatchFence | undefined;
}

export interface BurstCounts {
  finished: number;
  released: number;
}

/** Handled and not yet recorded as ended, of one lane at most: what a death of the worker repeats, beside what it was running. */
const ENDS_PER_LANE = 15;
/** So many ends of all lanes are recorded at once, for each lane, without waiting for more. */
const ENDS_AT_ONCE_PER_LANE = 8;
/** How many times as long it goes on while nobody waits for its end: other workers have their turn then. */
const LONGEST = 6;
/** How long it waits for more of its group, and how often it looks. Its group's places are kept for it meanwhile. */
const LINGER_MS = 300;
const LOOK_EVERY_MS = 15;

export async function runBurst(burstId: string, options: BurstOptions): Promise<BurstCounts> {
  const db = inSchema(options.statements ?? options.pool, options.schema);
  const fence = randomUUID();
  try {
    return await runUnits(db, burstId, fence, options);
  } finally {
    // What it cannot say is seen without it: it asks for nothing more.
    await closeBurst(db, burstId, fence).catch(() => {});
  }
}

async function runUnits(db: Database, burstId: string, fence: string, options: BurstOptions): Promise<BurstCounts> {
  const { pool, schema, handlerOf, signal, width, unitBudgetMs, goesOnForMs = 0, onProgress } = options;
  const ends = finishTogether(db, width * ENDS_AT_ONCE_PER_LANE);
  // An end that waits for a key, which a transaction of anybody may hold, takes no connection from claims and from signs of life, and holds up no other end.
  const endsOfKeys = finishTogether(inSchema(pool, schema), width * ENDS_AT_ONCE_PER_LANE);
  const counts: BurstCounts = { finished: 0, released: 0 };
  const queue: Unit[] = [];
  let handled = 0;
  const sizeOfSlice = sliceSizes(width, () => handled);
  let refilling: Promise<void> | undefined;
  let idleLanes = 0;
  let slice = width;
  let lastBegunAt = 0;
  let drained = false;
  let takesOver = true;
  let ownBegun = false;
  const beganAt = Date.now();
  let goesOnMs = goesOnForMs;
  let failure: { error: unknown } | undefined;

  const prepare = async (units: readonly Unit[]) => {
    const byHandler = new Map<UnitHandler, Unit[]>();
    for (const unit of units) {
      const handler = handlerOf(unit.id);
      if (handler?.prepare && !handler.batch) {
        const ofIt = byHandler.get(handler) ?? [];
        ofIt.push(unit);
        byHandler.set(handler, ofIt);
      }
    }
    await Promise.all([...byHandler].map(([handler, ofIt]) => handler.prepare?.(ofIt)));
  };

  /** Its own units first, then those beyond. */
  const begin = async (): Promise<Unit[]> => {
    slice = Math.max(sizeOfSlice(), ownBegun ? idleLanes : width);
    let units: Unit[] = [];
    if (!ownBegun) {
      units = await beginBurst(db, burstId, fence, slice, takesOver);
      takesOver = false;
      ownBegun = units.length < slice;
    }
    const ranMs = Date.now() - beganAt;
    if (ownBegun && units.length === 0 && ranMs < goesOnMs * LONGEST) {
      units = await beginBeyondBurst(db, burstId, fence, { limit: slice, width, hadItsTime: ranMs >= goesOnMs });
    }
    if (units.length > 0) {
      lastBegunAt = Date.now();
    }
    drained = ownBegun && units.length === 0 && (Date.now() >= lastBegunAt + LINGER_MS || Date.now() - beganAt >= goesOnMs);
    return units;
  };

  // Begun a slice at a time: what is begun and not ended when a worker dies has to run alone.
  const refill = () => {
    refilling ??= begin()
      .then(async (units) => {
        if (units.length === 0 && !drained) {
          await delay(LOOK_EVERY_MS);
        }
        // What it cannot get now, the run of the unit asks for itself, and says what is wrong.
        await prepare(units).catch(() => {});
        queue.push(...units);
      })
      .finally(() => {
        refilling = undefined;
      });
    return refilling;
  };

  /** @returns undefined where a lane has to wait, or to end */
  const take = (): Unit | undefined => {
    if (failure || signal.aborted) {
      return undefined;
    }
    const unit = queue.shift();
    if (unit && !drained && (ownBegun || slice > width) && queue.length <= (slice - width) / 2) {
      // Ahead, so that no lane waits.
      refill().catch((error) => {
        failure ??= { error };
      });
    }
    return unit;
  };

  const next = async (): Promise<Unit | undefined> => {
    while (!failure) {
      signal.throwIfAborted();
      const unit = take();
      if (unit || (drained && !refilling)) {
        return unit;
      }
      idleLanes += 1;
      await refill().finally(() => {
        idleLanes -= 1;
      });
    }
    return undefined;
  };

  /** @param ending gets its end, where that is recorded while its lane goes on */
  const runOne = async (unit: Unit, ending: Promise<void>[]): Promise<void> => {
    const handler = handlerOf(unit.id);
    if (!handler || (handler.long && !handler.strictDeadline)) {
      goesOnMs = 0;
      return release(unit);
    }
    const outcome = await runUnit(unit, handler, {
      pool,
      statements: options.statements,
      schema,
      signal,
      deadlineMs: handler.strictDeadline ? handler.deadlineMs : Math.min(handler.deadlineMs, unitBudgetMs * 5),
      yieldAt: Date.now() + unitBudgetMs,
      inBurst: true,
      finish: unit.hasKey ? endsOfKeys.record : ends.record,
      observe: options.observe,
      watch: options.watch,
    });
    handled += 1;
    if (outcome.type === 'handled') {
      ending.push(outcome.ended.then((ended) => settle(unit, ended)).catch(keep));
    } else {
      await settle(unit, outcome);
    }
  };

  const settle = (unit: Unit, outcome: AttemptOutcome): Promise<void> | undefined => {
    if (outcome.type === 'finished') {
      counts.finished += 1;
    } else if (outcome.type === 'released') {
      counts.released += 1;
    } else if (outcome.type === 'long') {
      return release(unit);
    } else if (outcome.type === 'failed') {
      if (outcome.kind === 'infrastructure') {
        throw outcome.cause;
      }
      return release(unit, outcome.error);
    }
    onProgress?.(counts);
    return undefined;
  };

  const release = async (unit: Unit, error?: UnitError) => {
    await releaseWork(db, unit, error ? { error } : {});
    counts.released += 1;
    onProgress?.(counts);
  };

  const keep = (error: unknown) => {
    if (!(error instanceof FencedError)) {
      failure ??= { error };
    }
  };

  /** All that is left, as many at a time as the handler takes. */
  const runBatches = async (): Promise<void> => {
    for (let [unit] = queue; unit; [unit] = queue) {
      const handler = handlerOf(unit.id);
      if (!handler?.batch) {
        return;
      }
      const { batch } = handler;
      // What is ready waits to be claimed together.
      goesOnMs = 0;
      if (queue.length < batch.max && !drained) {
        const more = await beginBurst(db, burstId, fence, batch.max - queue.length, false);
        drained = queue.length + more.length < batch.max;
        queue.push(...more);
      }
      const { finished, released } = await runBatch([unit, ...queue.splice(0, batch.max).slice(1)], handler, batch, options);
      counts.finished += finished;
      counts.released += released;
      onProgress?.(counts);
      if (queue.length === 0 && !drained) {
        await refill();
      }
    }
  };

  const lane = async (): Promise<void> => {
    const ending: Promise<void>[] = [];
    try {
      for (let unit = take() ?? (await next()); unit; unit = take() ?? (await next())) {
        try {
          await runOne(unit, ending);
        } catch (error) {
          keep(error);
        }
        if (ending.length > ENDS_PER_LANE) {
          await ending.shift();
        }
      }
    } catch (error) {
      failure ??= { error };
    }
    ends.hurry();
    endsOfKeys.hurry();
    await Promise.all(ending);
  };

  await refill();
  await runBatches();
  await Promise.all(Array.from({ length: width }, lane));
  if (failure) {
    await refilling?.catch(() => {});
    // Begun but never run: without an end they would have to leave the burst.
    const { error } = failure;
    if (queue.length > 0) {
      await failBatch(db, queue, unitError(error)).catch(() => {});
    }
    throw error;
  }
  return counts;
}
