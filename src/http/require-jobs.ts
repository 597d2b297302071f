/**
 * Whose jobs are whose: those of Tidemark's own are nobody else's, and the others belong to no log; but the download of a workbook is that of whoever reaches
 * the workbook.
 */
import { JobNotFoundError } from '../errors.ts';
import { parseJobId, workIdOf } from '../jobs/job-id.ts';
import { SYSTEM_JOBS } from '../jobs/system-jobs.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Scope } from '../tokens/scopes.ts';
import { DOWNLOAD_RECORDS } from '../workbooks/download-records.ts';
import { type Caller, ForbiddenError, requireLog } from './access.ts';

/** Who reads everything reads jobs; who may enqueue looks at what they have enqueued. */
export const SEES_JOBS: readonly Scope[] = ['read', 'jobs'];

/** @throws ForbiddenError */
export function requireAllLogs({ logPrefixes }: Caller): void {
  if (logPrefixes !== undefined) {
    throw new ForbiddenError('Jobs belong to no log: ask with a token that reaches all.');
  }
}

/** @returns the id. @throws ForbiddenError; JobNotFoundError for one of Tidemark's own; InvalidInputError for what is no id */
export async function requireJob(db: Database, caller: Caller, jobId: string): Promise<string> {
  const key = parseJobId(jobId);
  if (caller.logPrefixes === undefined || key.name !== DOWNLOAD_RECORDS) {
    requireAllLogs(caller);
  } else {
    const { rows } = await db.query(
      `select w.input ->> 'workbookId' as workbook from ${db.schema}.work w where w.id = $1::text and w.workflow = 'job'`,
      [workIdOf(key)],
    );
    if (rows.length === 0) throw new JobNotFoundError(jobId);
    requireLog({ caller }, `${rows[0].workbook}.`);
  }
  if (SYSTEM_JOBS.includes(key.name)) {
    throw new JobNotFoundError(jobId);
  }
  return jobId;
}
