/** Jobs that wait, for their turn, their time or another try, go first: before all of their name that nobody has said that of. */
import type { Database } from '../postgres/queryable.ts';
import { eachJob } from './each-job.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import type { JobSelection } from './list-jobs.ts';

/** The lowest that may be enqueued with. */
const FIRST_PRIORITY = -100;

/** @returns whether it waited. @throws InvalidInputError for an id that is none */
export async function runJobNow(db: Database, jobId: string): Promise<boolean> {
  const { rows } = await db.query(
    `update ${db.schema}.work set priority = least(priority, ${FIRST_PRIORITY}::smallint),
       not_before = least(not_before, statement_timestamp()), turn = least(not_before, statement_timestamp())
     where id = $1::text and workflow = 'job' and state in ('waiting', 'ready') returning id`,
    [workIdOf(parseJobId(jobId))],
  );
  return rows.length > 0;
}

/** @param selection of those that wait; each is a transaction of its own. @returns how many go first now */
export async function runJobsNow(db: Database, selection: JobSelection, signal?: AbortSignal): Promise<number> {
  return eachJob(db, selection, ['waiting'], (id) => runJobNow(db, id), signal);
}
