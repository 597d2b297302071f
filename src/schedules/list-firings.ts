/** What schedules have fired, newest first, each with its job as it is now. */
import { jobIdOf, jobKeyOf } from '../jobs/job-id.ts';
import type { Database } from '../postgres/queryable.ts';
import { SHOWN_STATE_SQL, type ShownState } from '../work/select.ts';

export interface Firing {
  /** The time that it was due, or triggered/<id> of one by hand. */
  firing: string;
  dueAt: Date;
  firedAt: Date;
  /** 'created': it added a job. 'skipped': an earlier job of the schedule still waited or ran. 'missed': it came too late. */
  answer: 'created' | 'skipped' | 'missed';
  /** Of the job that it added, or that it was skipped for. */
  jobId?: string;
  /** Of that job; absent when it is not kept any more. */
  state?: ShownState;
}

/** @returns the newest `limit` of each of these schedules, by name */
export async function listFirings(db: Database, schedules: readonly string[], limit: number): Promise<Map<string, Firing[]>> {
  const { rows } = await db.query(
    `select f.*, ${SHOWN_STATE_SQL} as state from unnest($1::text[]) s (name)
     cross join lateral (
       select * from ${db.schema}.schedule_firing f where f.schedule = s.name order by f.due_at desc limit $2::integer) f
     left join ${db.schema}.work w on w.id = f.work_id
     order by f.schedule, f.due_at desc`,
    [schedules, limit],
  );
  const bySchedule = new Map<string, Firing[]>();
  for (const { schedule, firing, due_at: dueAt, fired_at: firedAt, answer, work_id: workId, state } of rows) {
    const found: Firing = {
      firing,
      dueAt,
      firedAt,
      answer,
      ...(workId === null ? {} : { jobId: jobIdOf(jobKeyOf(workId)) }),
      ...(state === null ? {} : { state }),
    };
    bySchedule.set(schedule, [...(bySchedule.get(schedule) ?? []), found]);
  }
  return bySchedule;
}
