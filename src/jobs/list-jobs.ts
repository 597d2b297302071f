/** Jobs, newest first, a page at a time. */
import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { UNIT_COLUMNS } from '../work/listed-unit.ts';
import { formatCursor, parseCursor } from '../work/page-cursor.ts';
import { type ShownState, selectionSql } from '../work/select.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import { type JobSummary, jobSummary } from './read-job.ts';
import { SYSTEM_JOBS } from './system-jobs.ts';

export interface JobSelection {
  /** These, whatever else is asked for. */
  ids?: readonly string[];
  state?: ShownState;
  name?: string;
  actor?: string;
}

export interface ListJobsOptions extends JobSelection {
  /** At most so many, from 1 to 1,000. Default 100. */
  limit?: number;
  /** What an earlier page gave as `next`. */
  before?: string;
}

export interface JobPage {
  jobs: JobSummary[];
  /** Give it as `before` to go on; absent on the last page. */
  next?: string;
}

/** @param options `states`: in any of these, for whoever must not miss what moves between them. @throws InvalidInputError */
export async function listJobs(
  db: Database,
  { ids, state, states, name, actor, limit = 100, before }: ListJobsOptions & { states?: readonly ShownState[] } = {},
): Promise<JobPage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new InvalidInputError(`A page of ${limit} jobs cannot be listed: use a limit from 1 to 1000.`);
  }
  const { condition, values } = selectionSql({
    workflow: 'job',
    ...(ids === undefined ? {} : { ids: ids.map((id) => workIdOf(parseJobId(id))) }),
    ...(state === undefined ? {} : { state }),
    ...(states === undefined ? {} : { states }),
    ...(actor === undefined ? {} : { actor }),
  });
  const bind = (value: unknown) => `$${values.push(value)}`;
  const conditions = [condition];
  if (before !== undefined) {
    const [at, id] = parseCursor(before);
    conditions.push(`(w.created_at, w.id) < (${bind(at)}::timestamptz, ${bind(id)}::text)`);
  }
  const newestFirst = `order by w.created_at desc, w.id desc limit ${limit + 1}`;
  // Those of Tidemark's own are no jobs that somebody asked for.
  const groups = [`g.name <> all (${bind(SYSTEM_JOBS)}::text[])`];
  if (name !== undefined) groups.push(`g.name = ${bind(name)}::text`);
  // The newest of each name, by its index, then the newest of those: however many jobs there are, a page is read and no more.
  const { rows } = await db.query(
    `select ${UNIT_COLUMNS}
     from (select g.name from ${db.schema}.work_group g where ${groups.join(' and ')}) g
     cross join lateral (
       select w.* from ${db.schema}.work w where w.group_name = g.name and ${conditions.join(' and ')} ${newestFirst}
     ) w
     ${newestFirst}`,
    values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    jobs: page.map(jobSummary),
    ...(rows.length > limit ? { next: formatCursor(last.created_at_text, last.id) } : {}),
  };
}
