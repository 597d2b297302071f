/** Jobs, newest first, a page at a time. */
import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { UNIT_COLUMNS } from '../work/listed-unit.ts';
import { type ShownState, selectionSql } from '../work/select.ts';
import { type JobSummary, jobSummary } from './read-job.ts';
import { SYSTEM_JOBS } from './system-jobs.ts';

export interface JobSelection {
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

/** @throws InvalidInputError */
export async function listJobs(db: Database, { state, name, actor, limit = 100, before }: ListJobsOptions = {}): Promise<JobPage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new InvalidInputError(`A page of ${limit} jobs cannot be listed: use a limit from 1 to 1000.`);
  }
  const { condition, values } = selectionSql({
    workflow: 'job',
    ...(state === undefined ? {} : { state }),
    ...(name === undefined ? {} : { group: name }),
  });
  const bind = (value: unknown) => `$${values.push(value)}`;
  // Those of Tidemark's own are no jobs that somebody asked for.
  const conditions = [condition, `w.group_name <> all (${bind(SYSTEM_JOBS)}::text[])`];
  if (actor !== undefined) conditions.push(`w.actor = ${bind(actor)}::text`);
  if (before !== undefined) {
    const [at, id] = parseNext(before);
    conditions.push(`(w.created_at, w.id) < (${bind(at)}::timestamptz, ${bind(id)}::text)`);
  }
  const { rows } = await db.query(
    `select ${UNIT_COLUMNS} from ${db.schema}.work w where ${conditions.join(' and ')}
     order by w.created_at desc, w.id desc limit ${limit + 1}`,
    values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    jobs: page.map(jobSummary),
    ...(rows.length > limit ? { next: `${last.created_at_text} ${last.id}` } : {}),
  };
}

function parseNext(before: string): [string, string] {
  const [, at, id] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[\d.]*[+-][\d:]+) (job\/.+)$/.exec(before) ?? [];
  if (at === undefined || id === undefined) {
    throw new InvalidInputError(`'${before.slice(0, 120)}' is not where a page of jobs ended: give what the page before gave as next.`);
  }
  return [at, id];
}
