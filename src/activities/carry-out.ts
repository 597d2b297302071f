/**
 * One unit of work as an activity: begin, do, finish. Its errors become failures that the workflow retries; a unit that gave up
 * is an answer, because its error is in its row already. What a short one has begun and turns out long goes on in the long one, where that is in this process.
 */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { inSchema } from '../postgres/queryable.ts';
import { beginWork } from '../work/begin.ts';
import { releaseWork } from '../work/end.ts';
import { type AttemptOutcome, runUnit } from '../work/run-unit.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { toFailure } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { type MovingAttempt, startMovingAttempt } from './moving-attempt.ts';
import type { CarryOutActivities, CarryOutOutcome } from './types.ts';

/** A short unit that has not finished by then goes on in a heartbeating activity. */
const SHORT_BUDGET_MS = 1_000;
/** What runs for so long as a short one goes on in a heartbeating activity, as it is: a local one holds its workflow task, and is cut off after 15 minutes. */
const MOVES_AFTER_MS = 60_000;
/** A long one that reports nothing for so long hangs, however well its worker heartbeats. */
const LONG_SILENCE_MS = 15 * 60_000;
/** Before work that this worker does not know is offered to whichever worker comes next. */
const UNKNOWN_WORKFLOW_DELAY_MS = 10_000;

export function carryOutActivities(dependencies: ActivityDependencies, movesAfterMs = MOVES_AFTER_MS): CarryOutActivities {
  const { stopped = new AbortController().signal } = dependencies;
  const moving = new Map<string, MovingAttempt>();

  return {
    async runUnit(workId, epoch) {
      const key = `${workId} ${epoch}`;
      // Its workflow has not heard of it: to begin another one would fence off the one that runs.
      if (moving.has(key) || dependencies.handlerOf(workId)?.long) {
        return { type: 'long' };
      }
      const begun = await begin(dependencies, workId, epoch, false);
      if ('answer' in begun) {
        return begun.answer;
      }
      const outcome = await endsWithin(movesAfterMs, begun.attempt.outcome);
      if (outcome) {
        return answerOf(outcome, workId);
      }
      begun.attempt.follow(stopped);
      moving.set(key, begun.attempt);
      const forget = () => {
        if (moving.get(key) === begun.attempt) moving.delete(key);
      };
      begun.attempt.outcome.then(forget, forget);
      return { type: 'long' };
    },

    runLongUnit: (workId, epoch) =>
      withHeartbeat(async () => {
        const key = `${workId} ${epoch}`;
        const moved = moving.get(key);
        moving.delete(key);
        moved?.follow(cancellationSignal());
        const outcome = await moved?.outcome;
        if (outcome && outcome.type !== 'long') {
          return answerOf(outcome, workId);
        }
        const begun = await begin(dependencies, workId, epoch, true);
        return 'answer' in begun ? begun.answer : answerOf(await begun.attempt.outcome, workId);
      }),
  };
}

async function begin(
  { pool, statements, schema, handlerOf, observe, watch }: ActivityDependencies,
  workId: string,
  epoch: number,
  long: boolean,
): Promise<{ attempt: MovingAttempt } | { answer: CarryOutOutcome }> {
  const handler = handlerOf(workId);
  const db = inSchema(pool, schema);
  const unit = await beginWork(db, workId, epoch);
  if (!unit) {
    return { answer: { type: 'nothing' } };
  }
  if (unit === 'later') {
    return { answer: { type: 'later' } };
  }
  if (unit.state === 'dead') {
    observe?.({ group: unit.group, workId, outcome: 'dead', durationMs: 0 });
    const message = `The worker died while running ${workId}, too many times in a row.`;
    return { answer: { type: 'dead', code: 'worker_died', message } };
  }
  if (!handler) {
    // A worker of another version may know it. Kept here, enough of them would take every place there is.
    await releaseWork(db, unit, { delayMs: UNKNOWN_WORKFLOW_DELAY_MS });
    return { answer: { type: 'nothing' } };
  }
  const options = long
    ? {
        deadlineMs: handler.strictDeadline ? handler.deadlineMs : Math.max(handler.deadlineMs, LONG_SILENCE_MS),
        onProgress: (progress: unknown) => heartbeat(progress),
      }
    : { deadlineMs: handler.deadlineMs, yieldAt: Date.now() + SHORT_BUDGET_MS };
  const attempt = startMovingAttempt(cancellationSignal(), (signal) =>
    runUnit(unit, handler, { pool, statements, schema, signal, observe, watch, ...options }),
  );
  return { attempt };
}

/** @returns undefined where it goes on */
async function endsWithin<T>(ms: number, outcome: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer));
}

function answerOf(outcome: AttemptOutcome, workId: string): CarryOutOutcome {
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
