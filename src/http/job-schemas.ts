/** Jobs as REST shows them. */
import { z } from 'zod';
import { executionUrl } from '../execution-url.ts';
import { workIdOf } from '../jobs/job-id.ts';
import type { JobAttempt, JobLine, JobState, JobStatus, JobSummary } from '../jobs/read-job.ts';
import type { HttpContext } from './http-context.ts';
import { Timestamp } from './schemas.ts';
import { WorkState } from './work-schemas.ts';

const YEAR_MS = 366 * 86_400_000;

export const JobName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'use 1 to 100 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit')
  .meta({ description: 'Name of a job that the app defines', example: 'report' });

export const JobId = z
  .string()
  .max(700)
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}:[^\0]+$/s, 'use <name>:<id>, as enqueueing answers it')
  .meta({ description: '`<name>:<id>`; in a path percent-encoded', example: 'report:2026-11' });

const Actor = z.string().min(1).max(500);

const JobError = z.object({ code: z.string(), message: z.string() });

const Progress = z
  .object({
    fraction: z.number().optional().describe('From 0 to 1'),
    message: z.string().optional(),
    counts: z.record(z.string(), z.number()).optional(),
  })
  .meta({ id: 'JobProgress', description: 'How far it is, as its handler says it' });

export const Job = z
  .object({
    id: z.string().describe('`<name>:<id>`'),
    name: z.string(),
    state: WorkState,
    progress: Progress.optional(),
    attempt: z.int().describe('Which attempt runs, or was the last one'),
    error: JobError.optional().describe('Of the last attempt that failed'),
    result: z.unknown().optional().describe('What its handler returned; a listing leaves it out'),
    actor: z.string().optional().describe('Who enqueued it'),
    correlationId: z.string().optional(),
    causationId: z.string().optional(),
    workId: z.string().describe('Of its unit: see GET /work/{workId}'),
    execution: z.string().optional().describe('Workflow id in Temporal; absent before its first claim'),
    uiUrl: z.string().optional().describe("Where Temporal's web UI shows the execution"),
    enqueuedAt: Timestamp,
    begunAt: Timestamp.optional().describe('When its last attempt began'),
    finishedAt: Timestamp.optional(),
  })
  .meta({ id: 'Job', description: 'Long work that somebody asked for' });

export const JobNow = Job.extend({
  priority: z.int().describe('Lower first'),
  notBefore: Timestamp.optional().describe('While it waits: does not begin before'),
  position: z.int().optional().describe('While it waits: how many of its name begin before it, at most 10,000'),
}).meta({ id: 'JobState' });

export const JobWithDetails = JobNow.extend({
  error: JobError.extend({ stack: z.string().optional() }).optional(),
  input: z.unknown(),
  attempts: z
    .array(
      z.object({
        attempt: z.int(),
        begunAt: Timestamp.optional(),
        failedAt: Timestamp,
        error: JobError.extend({ stack: z.string().optional() }),
      }),
    )
    .describe('Those that failed, oldest first: the newest 100'),
  output: z
    .array(
      z.object({
        attempt: z.int(),
        level: z.enum(['debug', 'info', 'warn', 'error']),
        text: z.string(),
        fields: z.record(z.string(), z.unknown()).optional(),
        at: Timestamp,
      }),
    )
    .describe("Of its handler's log, oldest first: the newest 1,000 lines"),
}).meta({ id: 'JobDetails', description: 'A job with all there is to know' });

export const NewJob = z
  .object({
    input: z.unknown().optional().describe('What the job takes'),
    id: z.string().min(1).max(200).optional().describe('Within 7 days, or while it waits or runs, the same id is the same job'),
    priority: z.int().min(-100).max(100).optional().describe('Lower first; default 0'),
    notBefore: Timestamp.optional().describe('Does not begin before'),
    fairnessKey: z.string().min(1).max(200).optional().describe('Jobs of a name take turns by it'),
    dedupe: z
      .object({
        key: z.string().min(1).max(500),
        mode: z.enum(['ignore', 'replace', 'debounce']),
        windowMs: z.int().min(1).max(YEAR_MS).optional(),
        maxWaitMs: z.int().min(1).max(YEAR_MS).optional(),
      })
      .strict()
      .optional()
      .describe('In the place of an id: what it is the same as'),
    correlationId: Actor.optional(),
    causationId: Actor.optional(),
  })
  .strict()
  .meta({ id: 'NewJob' });

export const Enqueued = z
  .object({
    id: z.string().describe('`<name>:<id>`'),
    answer: z.enum(['created', 'ignored', 'replaced']).describe('A new one; one that was there; one that waits and has this input now'),
    href: z.string().describe('Where to look at it'),
  })
  .meta({ id: 'EnqueuedJob' });

export const JobDecision = z
  .object({ changed: z.boolean().describe('False: it was not like that (any more), and is as it was'), job: JobNow })
  .meta({ id: 'JobDecision' });

/** Which jobs. */
export const JobFilter = { name: JobName.optional(), actor: Actor.optional() };

type Links = Pick<HttpContext, 'uiUrl' | 'namespace'>;

export function jobBody(
  { error, enqueuedAt, begunAt, finishedAt, ...job }: JobSummary,
  { uiUrl, namespace = 'default' }: Links,
): z.input<typeof Job> {
  const [, name = '', id = ''] = /^(.*?):(.*)$/s.exec(job.id) ?? [];
  return {
    ...job,
    ...(error ? { error: { code: error.code, message: error.message } } : {}),
    workId: workIdOf({ name, id }),
    ...(uiUrl === undefined || job.execution === undefined ? {} : { uiUrl: executionUrl(uiUrl, namespace, job.execution) }),
    enqueuedAt: enqueuedAt.toISOString(),
    ...(begunAt ? { begunAt: begunAt.toISOString() } : {}),
    ...(finishedAt ? { finishedAt: finishedAt.toISOString() } : {}),
  };
}

export function jobNowBody({ notBefore, ...job }: JobState, links: Links): z.input<typeof JobNow> {
  return { ...jobBody(job, links), priority: job.priority, ...(notBefore ? { notBefore: notBefore.toISOString() } : {}) };
}

export function jobDetailsBody({ attempts, output, ...job }: JobStatus, links: Links): z.input<typeof JobWithDetails> {
  return {
    ...jobNowBody(job, links),
    ...(job.error ? { error: job.error } : {}),
    input: job.input,
    attempts: attempts.map(attemptBody),
    output: output.map(lineBody),
  };
}

const attemptBody = ({ begunAt, failedAt, ...attempt }: JobAttempt) => ({
  ...attempt,
  failedAt: failedAt.toISOString(),
  ...(begunAt ? { begunAt: begunAt.toISOString() } : {}),
});

const lineBody = ({ at, ...line }: JobLine) => ({ ...line, at: at.toISOString() });
