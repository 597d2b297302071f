/** Where the jobs of an application run, as `USE_JOBS` says: by workers through Temporal, or inline, in the process that enqueues. */
import type { Database } from '../postgres/queryable.ts';
import type { AnyJob } from './define-job.ts';
import type { EnqueueOptions, enqueueJob } from './enqueue.ts';

export interface JobEnqueuer {
  /** @param db of a transaction that is open, or of statements that are one each */
  within(db: Database): JoinedEnqueuer;
  /** Something may be claimable, whoever wrote it. */
  wake(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface JoinedEnqueuer {
  /** @throws as Enqueuer says */
  enqueue(job: AnyJob, input: unknown, options?: EnqueueOptions): ReturnType<typeof enqueueJob>;
  /** After the commit. Never rejects: what is committed is, and its unit says what became of it. */
  committed(): Promise<void>;
}
