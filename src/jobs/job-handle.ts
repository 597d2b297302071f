/**
 * A job that was enqueued, for whoever waits for it. It is looked at as it was committed: within the transaction that enqueues it there is nothing to see yet.
 * Once a first look has been answered, a database that does not answer is no news: whoever waits goes on waiting.
 */
import { JobFailedError } from '../errors.ts';
import { createBell } from '../event-log/bell.ts';
import type { Provenance } from '../event-log/provenance.ts';
import type { Database } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import { cancelJob } from './cancel-jobs.ts';
import type { EnqueueAnswer } from './enqueue.ts';
import type { JobProgress } from './job-progress.ts';
import { type JobStatus, type JobSummary, readJob, readJobSummary } from './read-job.ts';
import { redriveJob } from './redrive-jobs.ts';
import { runJobNow } from './run-jobs-now.ts';

export interface FollowOptions {
  /** Ends it: `follow` returns, `result` rejects with its reason. */
  signal?: AbortSignal;
  /** Between two looks. Default: from 50 ms, growing to 500, or to 1,000 where hints come. */
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
  /**
   * Its status now, whenever it changes, and as it ended; while it waits, its place in the line is counted every few seconds. An outage of the database is
   * waited out. @throws JobNotFoundError; the driver's error where the first look fails
   */
  follow(options?: FollowOptions): AsyncIterable<JobStatus>;
  /**
   * Cancels it: from then on a running attempt changes nothing, and its signal is aborted within a second or two.
   * @returns what it was; undefined where it had ended, or there is none
   */
  cancel(): Promise<'waiting' | 'running' | undefined>;
  /** Runs it again where it is dead; steps that have finished are not run again. @param provenance who decides, kept with it. @returns whether it was dead */
  redrive(provenance?: Pick<Provenance, 'actor' | 'correlationId'>): Promise<boolean>;
  /** Where it waits, for its turn, its time or another try: it is the next of its name. @returns whether it waited */
  runNow(): Promise<boolean>;
  /**
   * Waits until it has ended, also over an outage of the database.
   * @throws JobFailedError where it is dead, cancelled or expired; JobNotFoundError; the driver's error where the first look fails
   */
  result(options?: FollowOptions): Promise<OutputT>;
}

/** What makes looking and deciding faster: all goes without. */
export interface JobHints {
  /** Hints that the job has changed. @returns stops them */
  subscribe?(jobId: string, onChange: () => void): () => void;
  /** Something was decided about it. */
  changed?(jobId: string): void;
  /** Who decides, where nobody says. */
  provenance?(): Provenance;
}

const FIRST_POLL_MS = 50;
const MAX_POLL_MS = 500;
const MAX_POLL_WITH_HINTS_MS = 1_000;
/** Whoever is behind a deep backlog reads up to 10,000 index entries for it. */
const PLACE_EVERY_MS = 5_000;
const ENDED = new Set(['done', 'dead', 'cancelled', 'expired']);

export const hasEnded = ({ state }: Pick<JobSummary, 'state'>): boolean => ENDED.has(state);

/** @param db as others see it: not the transaction that enqueues */
export function createJobHandle<OutputT = unknown>(
  db: Database,
  id: string,
  answer?: EnqueueAnswer,
  hints: JobHints = {},
): JobHandle<OutputT> {
  async function* watch<T extends JobSummary>(read: () => Promise<T>, { signal, pollMs }: FollowOptions = {}): AsyncGenerator<T> {
    const bell = createBell();
    const maxPollMs = hints.subscribe ? MAX_POLL_WITH_HINTS_MS : MAX_POLL_MS;
    const stopHints = hints.subscribe?.(id, bell.ring);
    try {
      let last = '';
      let waitMs = pollMs ?? FIRST_POLL_MS;
      while (!signal?.aborted) {
        bell.reset();
        const status = await read().catch((error: unknown) => {
          if (last === '' || classifyError(error) !== 'infrastructure') throw error;
        });
        if (status === undefined) {
          await bell.wait(pollMs ?? maxPollMs, signal);
          continue;
        }
        const seen = JSON.stringify(status);
        if (seen !== last) {
          last = seen;
          waitMs = pollMs ?? FIRST_POLL_MS;
          yield status;
        }
        if (hasEnded(status)) {
          return;
        }
        await bell.wait(waitMs, signal);
        waitMs = pollMs ?? Math.min(waitMs * 1.5, maxPollMs);
      }
    } finally {
      stopHints?.();
    }
  }

  /** @returns looks at it, with its place in the line as it was a few seconds ago */
  function lookFromTimeToTime(): () => Promise<JobStatus> {
    let countedAt = Number.NEGATIVE_INFINITY;
    let last: JobStatus | undefined;
    return async () => {
      const isFresh = last?.state === 'waiting' && performance.now() - countedAt < PLACE_EVERY_MS;
      if (!isFresh) countedAt = performance.now();
      last = await readJob(db, id, isFresh && last?.position !== undefined ? { position: last.position } : {});
      return last;
    };
  }

  async function decided<T>(decide: () => Promise<T>): Promise<T> {
    const value = await decide();
    if (value) hints.changed?.(id);
    return value;
  }

  return {
    id,
    ...(answer === undefined ? {} : { answer }),
    status: () => readJob(db, id),
    progress: async () => (await readJobSummary(db, id)).progress,
    follow: (options) => watch(lookFromTimeToTime(), options),
    cancel: () => decided(() => cancelJob(db, id)),
    redrive: (provenance) => decided(() => redriveJob(db, id, { ...hints.provenance?.(), ...provenance })),
    runNow: () => decided(() => runJobNow(db, id)),
    async result(options = {}) {
      for await (const { state, result, error } of watch(() => readJobSummary(db, id), options)) {
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
