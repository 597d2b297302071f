/** What an application does with workbooks, in its own transaction or alone. */
import { WorkbookNotFoundError } from '../errors.ts';
import type { AnyJob } from '../jobs/define-job.ts';
import type { EnqueueOptions, Enqueuer } from '../jobs/enqueue.ts';
import type { JobHandle } from '../jobs/job-handle.ts';
import type { Database } from '../postgres/queryable.ts';
import { createWorkbook } from './create-workbook.ts';
import {
  DOWNLOAD_RECORDS,
  type DownloadRecordsInput,
  type DownloadRecordsJob,
  type DownloadRecordsOutput,
  sourcesOf,
} from './download-records.ts';
import type { NewWorkbook, Workbook } from './workbook.ts';

export interface WorkbookActions {
  /** @throws InvalidInputError saying where it is wrong, WorkbookExistsError: nothing was written, and the transaction goes on */
  createWorkbook(workbook: NewWorkbook): Promise<Workbook>;
  /**
   * Enqueues the download of a workbook's tables. One at a time for each workbook: while one waits or runs, that one is the answer (`answer` is 'ignored').
   * @throws WorkbookNotFoundError; as enqueue
   */
  enqueueDownloadRecordsJob(
    input: DownloadRecordsInput,
    options?: Omit<EnqueueOptions, 'id' | 'dedupe' | 'actor'>,
  ): Promise<JobHandle<DownloadRecordsOutput>>;
}

/** @param jobs of the registry, which has one of this name */
export function workbookActions(db: Database, jobs: ReadonlyMap<string, AnyJob>, enqueue: Enqueuer['enqueue']): WorkbookActions {
  const job = jobs.get(DOWNLOAD_RECORDS) as DownloadRecordsJob;
  return {
    createWorkbook: async (workbook) => createWorkbook(db, workbook, sourcesOf(job)),
    async enqueueDownloadRecordsJob(input, options = {}) {
      const { rows } = await db.query(`select 1 from ${db.schema}.workbook where id = $1::text`, [input.workbookId]);
      if (rows.length === 0) {
        throw new WorkbookNotFoundError(input.workbookId);
      }
      return enqueue(job, input, { ...options, actor: input.actor, dedupe: { key: input.workbookId, mode: 'ignore' } });
    },
  };
}
