/** What is wrong with the definition of a job, before anything of it runs. An option that nobody reads is wrong: it would be ignored. */
import { z } from 'zod';
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { InvalidInputError } from '../errors.ts';
import { checkRetry } from '../work/retry-policy.ts';
import type { AnyJob, JobDefinition, JobRetry } from './define-job.ts';

const OPTIONS = {
  ...{ name: true, input: true, output: true, handler: true, retry: true, keep: true, deadlineMs: true },
  ...{ concurrency: true, rateLimit: true, maxWaitingPerActor: true, authorize: true },
} as const satisfies OptionNames<JobDefinition<unknown, unknown>>;
const OF_KEEP = { completed: true, failed: true } as const satisfies OptionNames<NonNullable<AnyJob['keep']>>;
const OF_RETRY = {
  attempts: true,
  backoff: true,
  initialMs: true,
  maxMs: true,
  jitter: true,
  when: true,
} as const satisfies OptionNames<JobRetry>;
const OF_RATE_LIMIT = { jobs: true, perMs: true } as const satisfies OptionNames<NonNullable<AnyJob['rateLimit']>>;

/** In REST, decisions about many jobs: POST /jobs/cancel. */
const DECISIONS = ['cancel', 'redrive', 'run-now'];

const JOB_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const DAY_MS = 86_400_000;

/** What no worker of the application would run is refused where it is enqueued. @throws InvalidInputError */
export function checkKnownJob(jobs: ReadonlyMap<string, AnyJob>, job: AnyJob): void {
  if (jobs.get(job.name) !== job) {
    throw new InvalidInputError(`Job '${job.name}' is not one of this instance. Add it to createTidemark({ jobs }).`);
  }
}

/** @throws InvalidInputError */
export function checkJob(job: AnyJob): void {
  const { name, input, output, handler, retry = {}, keep = {}, deadlineMs, concurrency, rateLimit, maxWaitingPerActor, authorize } = job;
  if (typeof name !== 'string' || !JOB_NAME.test(name)) {
    throw new InvalidInputError(
      `'${String(name).slice(0, 120)}' is not the name of a job: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
  if (DECISIONS.includes(name)) {
    throw new InvalidInputError(
      `'${name}' cannot be the name of a job: it is what is decided about jobs, over REST. Give it another name.`,
    );
  }
  // Of download-records: where it downloads from.
  checkOptionNames(`job '${name}'`, job, 'sources' in job ? { ...OPTIONS, sources: true } : OPTIONS);
  checkOptionNames(`keep of job '${name}'`, keep, OF_KEEP);
  if (rateLimit !== undefined) checkOptionNames(`rateLimit of job '${name}'`, rateLimit, OF_RATE_LIMIT);
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
  checkOptionNames(`retry of job '${name}'`, retry, OF_RETRY);
  const { attempts, backoff, ...policy } = retry;
  check('retry.attempts', attempts, 1, 1_000);
  if (backoff !== undefined && backoff !== 'exponential' && backoff !== 'fixed') {
    throw new InvalidInputError(`retry.backoff of job '${name}' is '${String(backoff)}': use 'exponential' or 'fixed'.`);
  }
  checkRetry(`job '${name}'`, policy);
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
