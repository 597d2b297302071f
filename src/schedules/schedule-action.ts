/**
 * What Temporal keeps of a schedule and gives back with each firing: everything that the firing needs, so that whoever carries it out does not have to
 * know the application, and everything that a person is shown of it. Plain JSON.
 */
import { type AnySchedule, DEFAULT_CATCH_UP_MS, MOST_CAUGHT_UP, type ScheduleOverlap } from './define-schedule.ts';

export interface ScheduleAction {
  schedule: string;
  /** Name of the job that it enqueues. */
  job: string;
  input: unknown;
  cron?: string;
  timezone?: string;
  everyMs?: number;
  overlap: ScheduleOverlap;
  catchUpMs: number;
  jitterMs: number;
  actor?: string;
  /** Of the job. */
  maxWaitingPerActor?: number;
}

const LEAST_CATCH_UP_MS = 10_000;

export function scheduleAction(schedule: AnySchedule): ScheduleAction {
  const { name, cron, timezone, everyMs, job, input = {}, overlap = 'skip', catchUpMs, jitterMs = 0, actor } = schedule;
  const { maxWaitingPerActor } = job;
  return {
    schedule: name,
    job: job.name,
    input,
    ...(cron === undefined ? {} : { cron, timezone: timezone ?? 'UTC' }),
    ...(everyMs === undefined ? {} : { everyMs }),
    overlap,
    catchUpMs: catchUpMs ?? defaultCatchUpMs(everyMs),
    jitterMs,
    ...(actor === undefined ? {} : { actor }),
    ...(maxWaitingPerActor === undefined ? {} : { maxWaitingPerActor }),
  };
}

function defaultCatchUpMs(everyMs = Number.POSITIVE_INFINITY): number {
  return Math.max(Math.min(DEFAULT_CATCH_UP_MS, everyMs * MOST_CAUGHT_UP), LEAST_CATCH_UP_MS);
}

/** '0 10 * * * Europe/Berlin', 'every 2 s'. */
export function describeTimes({ cron, timezone, everyMs = 0 }: Pick<ScheduleAction, 'cron' | 'timezone' | 'everyMs'>): string {
  if (cron !== undefined) return `${cron} ${timezone}`;
  const [size, unit] = (
    [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1_000, 's'],
    ] as const
  ).find(([unitMs]) => everyMs % unitMs === 0) ?? [1, 'ms'];
  return `every ${everyMs / size} ${unit}`;
}
