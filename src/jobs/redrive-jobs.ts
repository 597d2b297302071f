/** Runs dead jobs again, in a new epoch: with the steps that they have finished, and all the attempts that their definition allows. */
import type { Provenance } from '../event-log/provenance.ts';
import type { Database } from '../postgres/queryable.ts';
import { eachJob } from './each-job.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import type { JobSelection } from './list-jobs.ts';

/** Who decides, kept with each of them. */
export type DecidedBy = Pick<Provenance, 'actor' | 'correlationId'>;

/** @returns whether it was dead, and runs again. @throws InvalidInputError for an id that is none */
export async function redriveJob(db: Database, jobId: string, { actor, correlationId }: DecidedBy = {}): Promise<boolean> {
  const { rows } = await db.query(`select ${db.schema}.decide_dead($1::text, 'redrive', null, $2::text, $3::text) as changed`, [
    workIdOf(parseJobId(jobId)),
    actor ?? null,
    correlationId ?? null,
  ]);
  return rows[0].changed;
}

/** @param selection of those that are dead; each is a transaction of its own. @returns how many run again */
export async function redriveJobs(db: Database, selection: JobSelection, by: DecidedBy = {}, signal?: AbortSignal): Promise<number> {
  return eachJob(db, selection, ['dead'], (id) => redriveJob(db, id, by), signal);
}
