/** Whose jobs are whose: they belong to no log, and those of Tidemark's own are nobody else's. */
import { JobNotFoundError } from '../errors.ts';
import { parseJobId } from '../jobs/job-id.ts';
import { SYSTEM_JOBS } from '../jobs/system-jobs.ts';
import type { Scope } from '../tokens/scopes.ts';
import { type Caller, ForbiddenError } from './access.ts';

/** Who reads everything reads jobs; who may enqueue looks at what they have enqueued. */
export const SEES_JOBS: readonly Scope[] = ['read', 'jobs'];

/** @throws ForbiddenError */
export function requireAllLogs({ logPrefixes }: Caller): void {
  if (logPrefixes !== undefined) {
    throw new ForbiddenError('Jobs belong to no log: ask with a token that reaches all.');
  }
}

/** @returns the id. @throws ForbiddenError; JobNotFoundError for one of Tidemark's own; InvalidInputError for what is no id */
export function requireJob(caller: Caller, jobId: string): string {
  requireAllLogs(caller);
  if (SYSTEM_JOBS.includes(parseJobId(jobId).name)) {
    throw new JobNotFoundError(jobId);
  }
  return jobId;
}
