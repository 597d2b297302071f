/**
 * Carries out what is claimable in this process, one unit after another, without Temporal: the same claim, handlers, fences and ends as a
 * worker's, in an order that depends on the data alone.
 *
 * A handler's own error is tried again at once, until the unit is dead. An infrastructure error, which a worker would try for ever, is
 * thrown after a few attempts: in a test it is what went wrong.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { TidemarkError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { beginWork } from '../work/begin.ts';
import { type ClaimedExecution, claimWork, releaseClaim, renewWork } from '../work/claim.ts';
import { runBurst } from '../work/run-burst.ts';
import { runUnit } from '../work/run-unit.ts';
import type { HandlerOf } from '../work/unit.ts';
import { MAX_INFRASTRUCTURE_ERRORS, refuseToWait } from './infrastructure-error.ts';
import { compareIds } from './work-view.ts';

export interface RunHereOptions {
  pool: Pool;
  schema: string;
  handlerOf: HandlerOf;
  signal: AbortSignal;
}

/** As many as a claim takes; a test's backlog runs in a few rounds. */
const UNITS_PER_ROUND = 500;
const LEASE_MS = 60_000;
/** A long unit may be silent for as long as under a worker. */
const LONG_SILENCE_MS = 15 * 60_000;

/** One round: what is claimable now. @returns how many units it carried out */
export async function runClaimable(options: RunHereOptions): Promise<number> {
  const { pool, schema, signal } = options;
  const db = inSchema(pool, schema);
  const claim = await claimWork(db, {
    maxInFlight: UNITS_PER_ROUND,
    maxOnTheirWay: UNITS_PER_ROUND,
    leaseMs: LEASE_MS,
    burstSize: 0,
    burstWidth: 1,
    burstThreshold: 0,
    // Batches.
    maxBursts: 4,
  });
  const units = claim.executions.flatMap(({ execution, workflow, unit }) => (unit ? [{ execution, workflow, ...unit }] : []));
  const batches = claim.executions.flatMap(({ burst }) => (burst ? [{ burst }] : []));
  units.sort((a, b) => compareIds(a.id, b.id));
  try {
    for (const unit of units) {
      signal.throwIfAborted();
      await carryOut(unit, options);
    }
    for (const { burst } of batches) {
      await runBurst(burst.id, { ...options, width: 1, unitBudgetMs: LEASE_MS });
    }
  } catch (error) {
    // What this round leaves behind can run again: a test may look at the error and go on.
    const executions = claim.executions.map(({ execution }) => execution);
    await releaseClaim(db, claim.token, executions);
    for (const execution of executions) {
      await renewWork(db, execution);
    }
    throw error;
  }
  return claim.units;
}

type ClaimedUnit = NonNullable<ClaimedExecution['unit']> & Pick<ClaimedExecution, 'execution' | 'workflow'>;

async function carryOut({ id, epoch }: ClaimedUnit, { pool, schema, handlerOf, signal }: RunHereOptions): Promise<void> {
  const handler = handlerOf(id);
  if (!handler) {
    const [workflow, group] = id.split('/', 2);
    const missing =
      workflow === 'delivery'
        ? `worker of subscription '${group}'. Add it to workers`
        : workflow === 'job'
          ? `job '${group}'. Add it to jobs`
          : `'${workflow}'. Add it to entryWork`;
    throw new TidemarkError('unknown_workflow', `${id} cannot run here: this application defines no ${missing} of createTidemark.`);
  }
  for (let infrastructureErrors = 0; ; ) {
    const unit = await beginWork(inSchema(pool, schema), id, epoch);
    if (unit === 'later') {
      // Workers have died before this call, and it may be this unit that killed them.
      await delay(100, undefined, { signal });
      continue;
    }
    if (!unit || unit.state === 'dead') {
      return;
    }
    const outcome = await runUnit(unit, handler, {
      pool,
      schema,
      signal,
      deadlineMs: handler.long && !handler.strictDeadline ? LONG_SILENCE_MS : handler.deadlineMs,
    });
    if (outcome.type === 'finished' || outcome.type === 'dead' || outcome.type === 'released') {
      return;
    }
    if (outcome.type === 'failed' && outcome.kind === 'infrastructure') {
      infrastructureErrors += 1;
      if (infrastructureErrors === MAX_INFRASTRUCTURE_ERRORS || signal.aborted) {
        throw refuseToWait(id, signal, outcome.cause);
      }
    }
  }
}
