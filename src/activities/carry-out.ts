/**
 * One unit of work as an activity: begin, do, finish. Its errors become failures that the workflow retries; a unit that gave up
 * is an answer, because its error is in its row already.
 */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { inSchema } from '../postgres/queryable.ts';
import { beginWork } from '../work/begin.ts';
import { releaseWork } from '../work/end.ts';
import { runUnit } from '../work/run-unit.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { toFailure } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { CarryOutActivities, CarryOutOutcome } from './types.ts';

/** A short unit that has not finished by then goes on in a heartbeating activity. */
const SHORT_BUDGET_MS = 1_000;
/** A long one that reports nothing for so long hangs, however well its worker heartbeats. */
const LONG_SILENCE_MS = 15 * 60_000;
/** Before work that this worker does not know is offered to whichever worker comes next. */
const UNKNOWN_WORKFLOW_DELAY_MS = 10_000;

export function carryOutActivities(dependencies: ActivityDependencies): CarryOutActivities {
  return {
    runUnit: (workId, epoch) => attempt(dependencies, workId, epoch, false),
    runLongUnit: (workId, epoch) => withHeartbeat(() => attempt(dependencies, workId, epoch, true)),
  };
}

async function attempt(
  { pool, schema, handlerOf, observe, watch }: ActivityDependencies,
  workId: string,
  epoch: number,
  long: boolean,
): Promise<CarryOutOutcome> {
  const handler = handlerOf(workId);
  if (handler?.long && !long) {
    return { type: 'long' };
  }
  const db = inSchema(pool, schema);
  const unit = await beginWork(db, workId, epoch);
  if (!unit) {
    return { type: 'nothing' };
  }
  if (unit === 'later') {
    return { type: 'later' };
  }
  if (unit.state === 'dead') {
    observe?.({ group: unit.group, workId, outcome: 'dead', durationMs: 0 });
    return { type: 'dead', code: 'worker_died', message: `The worker died while running ${workId}, too many times in a row.` };
  }
  if (!handler) {
    // A worker of another version may know it. Kept here, enough of them would take every place there is.
    await releaseWork(db, unit, { delayMs: UNKNOWN_WORKFLOW_DELAY_MS });
    return { type: 'nothing' };
  }
  const outcome = await runUnit(unit, handler, {
    pool,
    schema,
    signal: cancellationSignal(),
    observe,
    watch,
    ...(long
      ? {
          deadlineMs: handler.strictDeadline ? handler.deadlineMs : Math.max(handler.deadlineMs, LONG_SILENCE_MS),
          onProgress: (progress: unknown) => heartbeat(progress),
        }
      : { deadlineMs: handler.deadlineMs, yieldAt: Date.now() + SHORT_BUDGET_MS }),
  });
  switch (outcome.type) {
    case 'finished':
    case 'long':
      return { type: outcome.type };
    case 'released':
      return { type: 'nothing' };
    case 'dead':
      return { type: 'dead', code: outcome.error.code, message: outcome.error.message };
    case 'fenced':
      // Whoever took over may be gone too: the retry begins again, or finds nothing to do.
      throw toFailure(new Error(`Attempt ${activityInfo().attempt} of ${workId} was taken over.`), { benign: true });
    case 'failed':
      throw toFailure(outcome.cause);
  }
}
