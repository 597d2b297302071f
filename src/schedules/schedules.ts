/**
 * Schedules as a person looks at them and acts on them, over whatever says when they are due. Where that does not answer, or Postgres, everything here
 * throws an UnavailableError and has changed nothing.
 */
import type { ScheduleOverlap } from './define-schedule.ts';
import type { FireValue } from './fire-schedule.ts';
import type { Firing } from './list-firings.ts';
import type { ScheduleAction } from './schedule-action.ts';

export interface ListedSchedule {
  name: string;
  /** As it was applied; absent: it is in the database and not in Temporal, and fires nothing. */
  action?: ScheduleAction;
  paused: boolean;
  /** What was said when it was paused or resumed. */
  note?: string;
  /** It is due at these times, soonest first: up to 10. None while it is paused. */
  next: Date[];
  /** Newest first: up to 10. */
  firings: Firing[];
}

export interface BackfillValue {
  /** How many times of the schedule lie between, and what became of them. */
  times: number;
  created: number;
  /** Had a job before, which is kept as it is. */
  existed: number;
  skipped: number;
  /** Of the jobs that were added, in order. */
  jobIds: string[];
}

export interface Schedules {
  /** By name. */
  list(): Promise<ListedSchedule[]>;
  /** @throws ScheduleNotFoundError */
  read(name: string): Promise<ListedSchedule>;
  /** The server's own list, whether or not it is paused. @param count from 1 to 1,000 @throws ScheduleNotFoundError */
  next(name: string, count: number, after?: Date): Promise<Date[]>;
  /**
   * Fires now, also while it is paused; the job's id is never that of a firing by the clock. It obeys the schedule's overlap, or the one that is given.
   * @param actor who asks, where the schedule itself has none
   * @throws ScheduleNotFoundError, QueueFullError
   */
  trigger(name: string, options?: { overlap?: ScheduleOverlap | undefined; actor?: string | undefined }): Promise<FireValue>;
  /** Fires no more until it is resumed, whoever applies it. Its jobs go on. @throws ScheduleNotFoundError */
  pause(name: string, note?: string): Promise<void>;
  /** Fires again from now on; what was due meanwhile is not made up for: see backfill. @throws ScheduleNotFoundError */
  resume(name: string, note?: string): Promise<void>;
  /**
   * Fires for each time from `from` to `to`, both included, that has added no job: missed, skipped, or before the schedule was there. All or nothing.
   * @param overlap default: 'allow' where the schedule says so, else 'buffer', so that each gets its job
   * @throws ScheduleNotFoundError; InvalidInputError for more than 1,000 times, and for times to come; QueueFullError
   */
  backfill(
    name: string,
    range: { from: Date; to: Date; overlap?: ScheduleOverlap | undefined; actor?: string | undefined },
  ): Promise<BackfillValue>;
}
