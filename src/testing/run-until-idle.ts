/**
 * Waits until nothing is left to do: in this process, which then does it, or by the workers that are running.
 *
 * Idle means that no unit runs and none could: one whose time has not come, or that is behind a dead one, does not count. Dead units do not
 * fail it: `expectWork` says what became of what.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { missingBlobStore } from '../blob-store/missing-blob-store.ts';
import { InvalidInputError, TidemarkError } from '../errors.ts';
import { SYSTEM_JOBS } from '../jobs/system-jobs.ts';
import { isPool } from '../postgres/driver.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { unitHandlers } from '../registry.ts';
import type { Tidemark } from '../tidemark.ts';
import { findHandlers } from '../work/unit.ts';
import { type DeliveryFault, withFaults } from './delivery-faults.ts';
import type { MemoryTidemark } from './memory-tidemark.ts';
import { readLiveWork } from './read-work.ts';
import { runClaimable } from './run-here.ts';
import { describeUnits } from './work-view.ts';

export interface RunUntilIdleOptions {
  /**
   * 'this-process' (the default): claims the units and runs the handlers here, without Temporal.
   * 'workers': waits for those that are running.
   */
  by?: 'this-process' | 'workers';
  /** Default 10,000. */
  timeoutMs?: number;
  /** Where the application's `db` is not a pg Pool, a Pool on the same database: 'this-process' needs connections. */
  pool?: Pool;
  /** A handler that asks for its own work again would never end. Default 10,000 units. */
  maxUnits?: number;
  /** What goes wrong with deliveries and jobs on the way: on Postgres, in this process. */
  faults?: readonly DeliveryFault[];
}

const LOOK_AGAIN_MS = 20;

/**
 * @example await runUntilIdle(tidemark); await expectWork(tidemark, { log: 'o1', state: 'done' });
 * @throws TidemarkError 'not_idle' naming what is left when the time is up, 'attempt_failed' for what a worker would wait out
 */
export async function runUntilIdle(app: Tidemark | MemoryTidemark, options: RunUntilIdleOptions = {}): Promise<void> {
  const { timeoutMs = 10_000, maxUnits = 10_000 } = options;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new TidemarkError('not_idle', `Not idle after ${timeoutMs} ms.`)), timeoutMs);
  try {
    if (options.faults && ('memoryWork' in app || options.by === 'workers')) {
      throw new InvalidInputError(
        "Faults are for an application on Postgres whose work runs in this process: leave out { faults }, or { by: 'workers' }.",
      );
    }
    const round = 'memoryWork' in app ? memoryRound(app) : postgresRound(app, options);
    for (let carriedOut = 0; ; ) {
      const { ran, isIdle } = await round(deadline.signal);
      carriedOut += ran;
      if (isIdle) {
        return;
      }
      if (carriedOut > maxUnits) {
        throw new TidemarkError(
          'not_idle',
          `Not idle after ${carriedOut} units. Does a handler ask for its own work again? Else raise maxUnits.`,
        );
      }
      if (ran === 0) {
        await delay(LOOK_AGAIN_MS);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** One look, and what it carried out. Past the deadline it says what is left. */
type Round = (signal: AbortSignal) => Promise<{ ran: number; isIdle: boolean }>;

function memoryRound({ memoryWork: work }: MemoryTidemark): Round {
  return async (signal) => {
    const ran = await work.runReady(signal);
    return { ran, isIdle: ran === 0 };
  };
}

function postgresRound(
  app: Tidemark,
  { by = 'this-process', pool = isPool(app.db) ? app.db : undefined, faults = [] }: RunUntilIdleOptions,
): Round {
  const db = inSchema(app.db, app.schema);
  const run = by === 'workers' ? async () => 0 : runHere(app, pool, faults);
  return async (signal) => {
    const ran = await run(signal);
    const left = ran > 0 ? [] : await readLiveWork(db);
    if (left.length > 0 && signal.aborted) {
      const hint =
        by === 'workers' ? 'Is a worker running whose app defines them?' : 'Is its group paused, or does another process have it?';
      throw new TidemarkError('not_idle', `${(signal.reason as Error).message} ${hint} Left:\n${describeUnits(left)}`);
    }
    return { ran, isIdle: ran === 0 && left.length === 0 };
  };
}

function runHere(
  { registry, schema, blobs = missingBlobStore }: Tidemark,
  pool: Pool | undefined,
  faults: readonly DeliveryFault[],
): (signal: AbortSignal) => Promise<number> {
  if (!pool) {
    throw new InvalidInputError(
      "runUntilIdle needs connections: the application's db is no pg Pool, so give it { pool }, or { by: 'workers' }.",
    );
  }
  const handlerOf = findHandlers(withFaults(unitHandlers(registry, { pool, schema, blobs }), faults, { pool, schema }));
  // A worker lets a job that nobody knows die; here it is left over from another application, and its test is told.
  const isUnknownJob = (id: string) => {
    const [workflow, name = ''] = id.split('/', 2);
    return workflow === 'job' && !registry.jobs.has(name) && !SYSTEM_JOBS.includes(name);
  };
  return (signal) => runClaimable({ pool, schema, handlerOf: (id) => (isUnknownJob(id) ? undefined : handlerOf(id)), signal });
}
