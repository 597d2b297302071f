/**
 * A schedule fires: one job is enqueued, once for each firing however often it is carried out, unless its overlap or its lateness says otherwise. What
 * became of the firing is kept. The schedule's row is locked meanwhile, so that of two firings each sees what the other has added.
 */
import { jobIdOf, jobKeyOf } from '../jobs/job-id.ts';
import type { Database } from '../postgres/queryable.ts';
import type { ScheduleOverlap } from './define-schedule.ts';
import { FIRING_ID } from './firing-id.ts';
import type { ScheduleAction } from './schedule-action.ts';

/** As `fire_schedule` of the migrations says. */
export type FireAnswer = 'created' | 'exists' | 'skipped' | 'missed' | 'full' | 'removed' | 'forgotten';

export interface FireValue {
  answer: FireAnswer;
  /** Of the job that it has added, or that it was skipped for. */
  jobId?: string;
}

export interface FireOptions {
  /** What makes it one firing: the time that it was due, as `firingAt` writes it, or `triggered/<id>`. */
  firing: string;
  dueAt: Date;
  /** In place of the schedule's own. */
  overlap?: ScheduleOverlap | undefined;
  /** Later than this it is missed. */
  latest?: Date | undefined;
  /** One that was skipped or missed is tried again. */
  again?: boolean;
  /** In place of the schedule's own. */
  actor?: string | undefined;
  /** Without the schedule's jitter. */
  now?: boolean;
}

/** The second, as Temporal has it in the ids of what a schedule starts. */
export const firingAt = (dueAt: Date): string => dueAt.toISOString().replace(/\.\d{3}Z$/, 'Z');

export async function fireSchedule(db: Database, action: ScheduleAction, options: FireOptions): Promise<FireValue> {
  const { schedule, job, input, jitterMs, maxWaitingPerActor } = action;
  const { firing, dueAt, overlap = action.overlap, latest, again = false, actor = action.actor, now = false } = options;
  const { rows } = await db.query(
    `select answer, work_id from ${db.schema}.fire_schedule($1::text, $2::text, $3::timestamptz, $4::text, $5::text, $6::json, $7::text,
       $8::timestamptz, $9::bigint * interval '1 millisecond', $10::boolean, $11::integer, $12::text)`,
    [
      schedule,
      firing,
      dueAt,
      job,
      encodeURIComponent(`${schedule}/${firing}`),
      JSON.stringify(input ?? null),
      overlap,
      latest ?? null,
      now || jitterMs === 0 ? null : jitterMs,
      again,
      maxWaitingPerActor ?? null,
      actor ?? null,
    ],
  );
  const { answer, work_id: workId } = rows[0];
  return { answer, ...(workId === null ? {} : { jobId: jobIdOf(jobKeyOf(workId)) }) };
}

/** Which firing a job is of; undefined for one that no schedule has enqueued. `dueAt` is absent of one that a person has triggered. */
export function firingOf(jobId: string): { schedule: string; dueAt?: Date } | undefined {
  const [, schedule, firing = ''] = FIRING_ID.exec(jobId.slice(jobId.indexOf(':') + 1)) ?? [];
  if (schedule === undefined) return undefined;
  return firing.startsWith('triggered/') ? { schedule } : { schedule, dueAt: new Date(firing) };
}
