/**
 * A job: long work that somebody asks for, looks at while it runs, can cancel, and gets a result of. What is wrong with a definition is refused when the
 * application is made, before anything runs.
 */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { checkRetry, type RetryPolicy } from '../messages/retry-policy.ts';
import type { Queryable } from '../postgres/queryable.ts';
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
  /** How many that have ended are kept. Default: 10 completed (cancelled ones count as those) and 5 failed, or JOB_KEEP_COMPLETED and JOB_KEEP_FAILED. */
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

const JOB_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const DAY_MS = 86_400_000;

/** @throws InvalidInputError */
export function checkJob(job: AnyJob): void {
  const { name, input, output, handler, retry = {}, keep = {}, deadlineMs, concurrency, rateLimit, maxWaitingPerActor, authorize } = job;
  if (typeof name !== 'string' || !JOB_NAME.test(name)) {
    throw new InvalidInputError(
      `'${String(name).slice(0, 120)}' is not the name of a job: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
  for (const [option, schema] of Object.entries({ input, output })) {
    if (!(schema instanceof z.ZodType) && (option === 'input' || schema !== undefined)) {
      throw new InvalidInputError(`${option} of job '${name}' is no zod schema. Give it one, z.object({ … }) for example.`);
    }
  }
  for (const [option, given] of Object.entries({ handler, authorize })) {
    if (typeof given !== 'function' && (option === 'handler' || given !== undefined)) {
      throw new InvalidInputError(`${option} of job '${name}' is no function. Give it one.`);
    }
  }
  const check = (option: string, value: number | undefined, least: number, most: number) => {
    if (value !== undefined && (!Number.isInteger(value) || value < least || value > most)) {
      throw new InvalidInputError(`${option} of job '${name}' is ${value}: use a whole number from ${least} to ${most}.`);
    }
  };
  check('retry.attempts', retry.attempts, 1, 1_000);
  if (retry.backoff !== undefined && retry.backoff !== 'exponential' && retry.backoff !== 'fixed') {
    throw new InvalidInputError(`retry.backoff of job '${name}' is '${String(retry.backoff)}': use 'exponential' or 'fixed'.`);
  }
  checkRetry(`job '${name}'`, retry);
  check('keep.completed', keep.completed, 0, 1_000_000);
  check('keep.failed', keep.failed, 0, 1_000_000);
  check('deadlineMs', deadlineMs, 10, DAY_MS);
  check('concurrency', concurrency, 1, 10_000);
  if (rateLimit !== undefined) {
    check('rateLimit.jobs', rateLimit.jobs ?? Number.NaN, 1, 1_000_000);
    check('rateLimit.perMs', rateLimit.perMs ?? Number.NaN, 1, DAY_MS);
  }
  check('maxWaitingPerActor', maxWaitingPerActor, 1, 1_000_000);
}
