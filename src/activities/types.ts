/** What workflows and activities agree on: types only, so that neither imports the other's code. */
import type { FireAnswer } from '../schedules/fire-schedule.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';

/**
 * 'finished': recorded. 'nothing': another epoch or attempt has it, or it was done before. 'long': go on in `runLongUnit`.
 * 'later': its worker has died while it ran, and another such unit is tried first.
 */
export type CarryOutOutcome = { type: 'finished' | 'nothing' | 'long' | 'later' } | { type: 'dead'; code: string; message: string };

export interface CarryOutActivities {
  /** Begin, do, finish: short work, as a local activity. Throws when the attempt failed and another one may succeed. */
  runUnit(workId: string, epoch: number): Promise<CarryOutOutcome>;
  /** The same for long work: heartbeats, and goes on from the recorded progress. */
  runLongUnit(workId: string, epoch: number): Promise<CarryOutOutcome>;
}

export type { ScheduleAction };

export interface ScheduleActivities {
  /** Adds the job of a firing, at most once. @param due the second that it was due, in ISO 8601 */
  fireSchedule(action: ScheduleAction, due: string): Promise<FireAnswer>;
}

export interface BurstActivities {
  runBurst(burstId: string): Promise<{ finished: number; released: number }>;
}
