/**
 * Jobs: enqueue, list, look at, and decide about one. What is enqueued is checked as library code does it; its actor is the caller, whom its handler may
 * ask about again. A repeat under an Idempotency-Key is the job that was enqueued first, for 7 days, whether or not it is still kept.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { IdempotencyKeyReusedError, InvalidInputError, JobNotFoundError, UnknownJobError } from '../errors.ts';
import { isSameInput } from '../jobs/is-same-input.ts';
import { listJobs } from '../jobs/list-jobs.ts';
import { readJobStates } from '../jobs/read-job.ts';
import type { Authorizer } from './authorizer.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { idempotencyHeaders, ownerOfKeys } from './idempotency.ts';
import { isDoneHere } from './is-done-here.ts';
import { Enqueued, Job, JobDecision, JobFilter, JobId, JobName, jobBody, jobNowBody, NewJob } from './job-schemas.ts';
import { problems } from './problem.ts';
import { requireAllLogs, requireJob, SEES_JOBS } from './require-jobs.ts';
import { pageSize, TAGS } from './schemas.ts';
import { WorkState } from './work-schemas.ts';

const KNOWN_FOR_MS = 7 * 86_400_000;

/** A key of another caller is another key. */
const dedupeKeyOf = (owner: string, key: string) => `idempotency/${createHash('sha256').update(`${owner}\0${key}`).digest('hex')}`;

export function jobRoutes(app: HttpApp, context: HttpContext, auth: Authorizer['auth'], basePath: string): void {
  const { tidemark, db } = context;
  const { jobs } = tidemark.registry;

  app.route({
    method: 'POST',
    url: '/jobs/:job',
    config: { access: 'jobs' },
    schema: {
      tags: [TAGS.jobs],
      summary: 'Enqueue a job',
      description:
        "It is committed before this is answered. An `Idempotency-Key` is its caller's own and stands for one input: else 422. Of one actor only so many may wait where the job says so: then it is 429 `queue_full`.",
      params: z.object({ job: JobName }),
      headers: idempotencyHeaders('7 days'),
      body: NewJob,
      response: {
        200: Enqueued.describe('Jobs run where they are enqueued here: it is done'),
        202: Enqueued.describe('It waits, or is one that was there; Location is where it is looked at'),
        ...problems(404, 422),
      },
    },
    async handler(request, reply) {
      requireAllLogs(request.caller);
      const name = request.params.job;
      const job = jobs.get(name);
      if (job === undefined) {
        throw new UnknownJobError(name, [...jobs.keys()]);
      }
      const { input, notBefore, dedupe: given, ...rest } = request.body;
      const idempotencyKey = request.headers['idempotency-key'];
      if (idempotencyKey !== undefined && (rest.id !== undefined || given !== undefined)) {
        throw new InvalidInputError(
          'An Idempotency-Key says what the job is the same as: leave it out where the body has an id or dedupe.',
        );
      }
      const key = idempotencyKey === undefined ? undefined : dedupeKeyOf(ownerOfKeys(request.caller, auth), idempotencyKey);
      const dedupe = key === undefined ? given : { key, mode: 'ignore', windowMs: KNOWN_FOR_MS };
      const { actor } = request.caller;
      const options = Object.fromEntries(
        Object.entries({ ...rest, actor, dedupe, notBefore: notBefore === undefined ? undefined : new Date(notBefore) }).filter(
          ([, value]) => value !== undefined,
        ),
      );
      const handle = await tidemark.enqueue(job, input, options);
      if (idempotencyKey !== undefined && key !== undefined && handle.answer === 'ignored') {
        if (!(await isSameInput(db, job, key, input))) throw new IdempotencyKeyReusedError(idempotencyKey);
        reply.header('idempotent-replayed', 'true');
      }
      const isDone = await isDoneHere(tidemark, handle);
      const href = `${basePath}/jobs/${encodeURIComponent(handle.id)}`;
      return reply
        .code(isDone ? 200 : 202)
        .header('location', href)
        .send({ id: handle.id, answer: handle.answer ?? 'created', href });
    },
  });

  app.route({
    method: 'GET',
    url: '/jobs',
    config: { access: SEES_JOBS },
    schema: {
      tags: [TAGS.jobs],
      summary: 'List jobs, newest first',
      querystring: z.object({
        state: WorkState.optional(),
        ...JobFilter,
        limit: pageSize(500, 50),
        before: z.string().max(2_000).optional().describe('The `next` of the page before'),
      }),
      response: { 200: z.object({ jobs: z.array(Job), next: z.string().optional() }), ...problems() },
    },
    async handler({ query, caller }) {
      requireAllLogs(caller);
      const { jobs: page, next } = await listJobs(db, Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)));
      return { jobs: page.map(({ result: _, ...job }) => jobBody(job, context)), ...(next === undefined ? {} : { next }) };
    },
  });

  const decisionRoute = (verb: 'cancel' | 'redrive' | 'run-now', summary: string, description: string) =>
    app.route({
      method: 'POST',
      url: `/jobs/:job/${verb}`,
      config: { access: 'jobs' },
      schema: {
        tags: [TAGS.jobs],
        summary,
        description,
        params: z.object({ job: JobId }),
        response: { 200: JobDecision, ...problems(404) },
      },
      async handler({ params, caller }) {
        const id = await requireJob(db, caller, params.job);
        const job = tidemark.job(id);
        const changed =
          verb === 'cancel'
            ? (await job.cancel()) !== undefined
            : verb === 'redrive'
              ? await job.redrive(caller.actor === undefined ? {} : { actor: caller.actor })
              : await job.runNow();
        const now = (await readJobStates(db, [id])).get(id);
        if (now === undefined) throw new JobNotFoundError(id);
        return { changed, job: jobNowBody(now, context) };
      },
    });
  decisionRoute(
    'cancel',
    'Cancel a job',
    'From then on a running attempt changes nothing; its handler hears of it within a second or two.',
  );
  decisionRoute('redrive', 'Run a dead job again', 'In a new epoch, without the steps that it has finished.');
  decisionRoute('run-now', 'Let a job that waits go first', 'Whether it waits for its turn, its time or another try.');
}
