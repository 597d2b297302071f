/**
 * Cancels jobs, wherever they are. From then on a running attempt changes nothing; its handler's signal is aborted within a second or two.
 */
import type { Database } from '../postgres/queryable.ts';
import type { ShownState } from '../work/select.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import { type JobSelection, listJobs } from './list-jobs.ts';

/** @returns what it was, 'waiting' or 'running'; undefined where it had ended, or there is none. @throws InvalidInputError for an id that is none */
export async function cancelJob(db: Database, jobId: string): Promise<'waiting' | 'running' | undefined> {
  const { rows } = await db.query(`select ${db.schema}.cancel_job($1::text) as state`, [workIdOf(parseJobId(jobId))]);
  const { state } = rows[0];
  return state === null ? undefined : state === 'claimed' || state === 'started' ? 'running' : 'waiting';
}

const PAGE = 500;
const CANCELLABLE: readonly ShownState[] = ['waiting', 'running'];

/** @param selection of those that wait or run; each is a transaction of its own. @returns how many were cancelled */
export async function cancelJobs(db: Database, selection: JobSelection, signal?: AbortSignal): Promise<number> {
  let cancelled = 0;
  for (const state of selection.state ? [selection.state] : CANCELLABLE) {
    for (let before: string | undefined; ; ) {
      const { jobs, next } = await listJobs(db, { ...selection, state, limit: PAGE, ...(before === undefined ? {} : { before }) });
      for (const { id } of jobs) {
        if (signal?.aborted) return cancelled;
        cancelled += (await cancelJob(db, id)) === undefined ? 0 : 1;
      }
      if (next === undefined) break;
      before = next;
    }
  }
  return cancelled;
}
