/**
 * Cancels jobs, wherever they are. From then on a running attempt changes nothing; its handler's signal is aborted within a second or two.
 */
import type { Database } from '../postgres/queryable.ts';
import { eachJob } from './each-job.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import type { JobSelection } from './list-jobs.ts';

/** @returns what it was, 'waiting' or 'running'; undefined where it had ended, or there is none. @throws InvalidInputError for an id that is none */
export async function cancelJob(db: Database, jobId: string): Promise<'waiting' | 'running' | undefined> {
  const { rows } = await db.query(`select ${db.schema}.cancel_job($1::text) as state`, [workIdOf(parseJobId(jobId))]);
  const { state } = rows[0];
  return state === null ? undefined : state === 'claimed' || state === 'started' ? 'running' : 'waiting';
}

/** @param selection of those that wait or run; each is a transaction of its own. @returns how many were cancelled */
export async function cancelJobs(db: Database, selection: JobSelection, signal?: AbortSignal): Promise<number> {
  return eachJob(db, selection, ['waiting', 'running'], async (id) => (await cancelJob(db, id)) !== undefined, signal);
}
