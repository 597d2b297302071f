/**
 * Schedules that a process makes sure of when it starts, in the background: a server that has no schedules, or does not answer, holds up no work. It is
 * tried again until it is so.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../errors.ts';
import { COLLECT_GARBAGE, type CollectGarbageInput } from '../garbage/collect-job.ts';
import { SYSTEM_JOBS } from '../jobs/system-jobs.ts';
import type { AnySchedule } from '../schedules/define-schedule.ts';
import { type ScheduleAction, scheduleAction } from '../schedules/schedule-action.ts';
import { type ReconcileOptions, reconcileSchedules } from './reconcile-schedules.ts';

export interface GarbageSchedule extends CollectGarbageInput {
  /** Between two collections; undefined: none by schedule. */
  everyMs: number | undefined;
}

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** @param tell what is wrong, when it begins or changes, and that it is over @returns stops trying */
export function keepSchedules(
  options: ReconcileOptions,
  tell: (message: string) => void,
  firstPauseMs = FIRST_PAUSE_MS,
): () => Promise<void> {
  const stop = new AbortController();
  const keeping = (async () => {
    let told: string | undefined;
    for (let pauseMs = firstPauseMs; !stop.signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        await reconcileSchedules(options);
        if (told !== undefined) tell('The schedules are as the app says now.');
        return;
      } catch (error) {
        const message = errorMessage(error);
        if (message !== told) tell(`The schedules are not as the app says: ${message} Trying again.`);
        told = message;
        await delay(pauseMs, undefined, { signal: stop.signal }).catch(() => {});
      }
    }
  })();
  return async () => {
    stop.abort();
    await keeping;
  };
}

/** Garbage collection, which whoever starts executions makes sure of, whatever the application. */
export function garbageSchedule({ everyMs, ...input }: GarbageSchedule): Pick<ReconcileOptions, 'wanted' | 'isGone'> {
  const action: ScheduleAction = {
    schedule: COLLECT_GARBAGE,
    job: COLLECT_GARBAGE,
    input,
    ...(everyMs === undefined ? {} : { everyMs }),
    overlap: 'skip',
    // One that was missed by more is made up for by the next.
    catchUpMs: HOUR_MS,
    jitterMs: 0,
  };
  return { wanted: everyMs === undefined ? [] : [action], isGone: (name) => name === COLLECT_GARBAGE };
}

/** Those of an application, which its workers and `tidemark schedules apply` make sure of: what it does not name is gone. */
export function appSchedules(schedules: ReadonlyMap<string, AnySchedule>): Pick<ReconcileOptions, 'wanted' | 'isGone'> {
  return { wanted: [...schedules.values()].map(scheduleAction), isGone: (name) => !SYSTEM_JOBS.includes(name) };
}
