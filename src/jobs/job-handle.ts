/** A job that was enqueued, for whoever waits for it. It is looked at as it was committed: within the transaction that enqueues it there is nothing to see yet. */
import { setTimeout as delay } from 'node:timers/promises';
import { JobFailedError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { cancelJob } from './cancel-jobs.ts';
import type { EnqueueAnswer } from './enqueue.ts';
import type { JobProgress } from './job-progress.ts';
import { type JobStatus, readJob } from './read-job.ts';

export interface FollowOptions {
  /** Ends it: `follow` returns, `result` rejects with its reason. */
  signal?: AbortSignal;
  /** Between two looks. Default: from 50 ms, growing to 500. */
  pollMs?: number;
}

export interface JobHandle<OutputT = unknown> {
  /** `<name>:<id>`. */
  readonly id: string;
  /** Of the call that enqueued it: a new one, one that was there, or one that was there and has this input now. Absent where it was looked up. */
  readonly answer?: EnqueueAnswer;
  /** @throws JobNotFoundError */
  status(): Promise<JobStatus>;
  /** Undefined where it has said nothing yet. @throws JobNotFoundError */
  progress(): Promise<JobProgress | undefined>;
  /** Its status now, whenever it changes, and as it ended. @throws JobNotFoundError */
  follow(options?: FollowOptions): AsyncIterable<JobStatus>;
  /**
   * Cancels it: from then on a running attempt changes nothing, and its signal is aborted within a second or two.
   * @returns what it was; undefined where it had ended, or there is none
   */
  cancel(): Promise<'waiting' | 'running' | undefined>;
  /** Waits until it has ended. @throws JobFailedError where it is dead, cancelled or expired; JobNotFoundError */
  result(options?: FollowOptions): Promise<OutputT>;
}

const FIRST_POLL_MS = 50;
const MAX_POLL_MS = 500;
const ENDED = new Set(['done', 'dead', 'cancelled', 'expired']);

/** @param db as others see it: not the transaction that enqueues */
export function createJobHandle<OutputT = unknown>(db: Database, id: string, answer?: EnqueueAnswer): JobHandle<OutputT> {
  async function* follow({ signal, pollMs }: FollowOptions = {}): AsyncGenerator<JobStatus> {
    let last = '';
    let waitMs = pollMs ?? FIRST_POLL_MS;
    while (!signal?.aborted) {
      const status = await readJob(db, id);
      const seen = JSON.stringify(status);
      if (seen !== last) {
        last = seen;
        waitMs = pollMs ?? FIRST_POLL_MS;
        yield status;
      }
      if (ENDED.has(status.state)) {
        return;
      }
      await delay(waitMs, undefined, { ...(signal ? { signal } : {}) }).catch(() => {});
      waitMs = pollMs ?? Math.min(waitMs * 1.5, MAX_POLL_MS);
    }
  }

  return {
    id,
    ...(answer === undefined ? {} : { answer }),
    status: () => readJob(db, id),
    progress: async () => (await readJob(db, id)).progress,
    follow,
    cancel: () => cancelJob(db, id),
    async result(options = {}) {
      for await (const { state, result, error } of follow(options)) {
        if (state === 'done') {
          return result as OutputT;
        }
        if (state === 'dead' || state === 'cancelled' || state === 'expired') {
          throw new JobFailedError(id, state, error);
        }
      }
      throw options.signal?.reason;
    },
  };
}
