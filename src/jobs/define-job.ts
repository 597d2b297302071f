/**
 * A job: long work that somebody asks for, looks at while it runs, can cancel, and gets a result of. What is wrong with a definition is refused when the
 * application is made, before anything runs.
 */
import type { z } from 'zod';
import type { Queryable } from '../postgres/queryable.ts';
import type { RetryPolicy } from '../work/retry-policy.ts';
import { checkJob } from './check-job.ts';
import type { JobContext } from './job-context.ts';

export interface JobRetry extends Omit<RetryPolicy, 'factor' | 'initialMs'> {
  /** Before the second attempt. Default 500, or JOB_BACKOFF_MS. */
  readonly initialMs?: number;
  /** Attempts that may fail before the job is dead, from 1 to 1,000. Default 3, or JOB_ATTEMPTS. */
  readonly attempts?: number;
  /** 'exponential' (the default): each interval is twice the one before, up to `maxMs`. 'fixed': all are `initialMs`. */
  readonly backoff?: 'exponential' | 'fixed';
}

export interface JobDefinition<InputT, OutputT, SentT = InputT> {
  /** `[a-z0-9][a-z0-9._-]{0,99}`; the group of its units. */
  readonly name: string;
  /** What it is enqueued with: checked then, and again before the handler has it. Of JSON. */
  readonly input: z.ZodType<InputT, SentT>;
  /** What the handler returns: checked before it is kept. At most 256 KB of JSON. */
  readonly output?: z.ZodType<OutputT>;
  /** Runs at least once; what it writes through `db` takes effect once. An error that it throws is a failed attempt. */
  readonly handler: (input: InputT, context: JobContext) => OutputT | Promise<OutputT>;
  readonly retry?: JobRetry;
  /**
   * How many that have ended are kept, beside those of the last minute, which somebody may wait for. Default: 10 completed (cancelled ones count as those) and
   * 5 failed, or JOB_KEEP_COMPLETED and JOB_KEEP_FAILED.
   */
  readonly keep?: { readonly completed?: number; readonly failed?: number };
  /** How long an attempt may go without an end or a sign of life (progress, heartbeat, a step): then it has failed. Default 300,000. */
  readonly deadlineMs?: number;
  /** At most so many run at once, over all processes. Default: no limit of its own. */
  readonly concurrency?: number;
  /** At most so many attempts begin per so many ms, over all processes. */
  readonly rateLimit?: { readonly jobs: number; readonly perMs: number };
  /** At most so many of one actor wait: one more is refused with QueueFullError. Default: no limit. */
  readonly maxWaitingPerActor?: number;
  /**
   * Asked before each attempt, because what an actor may do can have changed since it was enqueued. False: the job is dead at once.
   * @param context `db` is the attempt's
   */
  readonly authorize?: (actor: string | undefined, input: InputT, context: { db: Queryable }) => boolean | Promise<boolean>;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever input and output
export type AnyJob = JobDefinition<any, any, any>;

/** What a job's handler returns. */
export type OutputOf<JobT> = JobT extends JobDefinition<infer _InputT, infer OutputT, infer _SentT> ? OutputT : never;

export const DEFAULT_JOB_ATTEMPTS = 3;
export const DEFAULT_JOB_DEADLINE_MS = 300_000;
export const DEFAULT_KEEP = { completed: 10, failed: 5 };

/**
 * @example export const report = defineJob({ name: 'report', input: z.object({ month: z.string() }), handler: async ({ month }, { db, progress }) => { … } });
 * @throws InvalidInputError naming the job, the option and its limits
 */
export function defineJob<InputT, OutputT = unknown, SentT = InputT>(
  job: JobDefinition<InputT, OutputT, SentT>,
): JobDefinition<InputT, OutputT, SentT> {
  checkJob(job);
  return job;
}
