/** Decisions about many jobs at once: those that are asked for, of which each is a transaction of its own. */
import { z } from 'zod';
import type { HttpApp, HttpContext } from './http-context.ts';
import { JobFilter, JobId } from './job-schemas.ts';
import { problems } from './problem.ts';
import { requireAllLogs } from './require-jobs.ts';
import { untilOver } from './response-over.ts';
import { TAGS } from './schemas.ts';

const MAX_IDS = 1_000;

const VERBS = {
  cancel: { summary: 'Cancel jobs that wait or run', states: ['waiting', 'running'], id: 'JobsToCancel' },
  redrive: { summary: 'Run dead jobs again', states: ['dead'], id: 'JobsToRedrive' },
  'run-now': { summary: 'Let jobs that wait go first', states: ['waiting'], id: 'JobsToRunNow' },
} as const;
type Verb = keyof typeof VERBS;

export function jobDecisionRoutes(app: HttpApp, { tidemark }: HttpContext): void {
  for (const verb of Object.keys(VERBS) as Verb[]) {
    const { summary, states, id } = VERBS[verb];
    app.route({
      method: 'POST',
      url: `/jobs/${verb}`,
      config: { access: 'jobs' },
      schema: {
        tags: [TAGS.jobs],
        summary,
        description: 'Those that are not like that are left as they are. A call that is cut off has done a part, and may be repeated.',
        body: z
          .object({
            ids: z.array(JobId).min(1).max(MAX_IDS).optional().describe('These alone'),
            state: z.enum(states).optional().describe('By itself: all of them'),
            ...JobFilter,
          })
          .strict()
          .refine((body) => Object.keys(body).length > 0, 'say which jobs: ids, or name, actor, state')
          .meta({ id }),
        response: { 200: z.object({ jobs: z.int().describe('How many it was done with') }), ...problems() },
      },
      async handler(request, reply) {
        requireAllLogs(request.caller);
        const selection = Object.fromEntries(Object.entries(request.body).filter(([, value]) => value !== undefined));
        const { actor } = request.caller;
        const signal = untilOver(request.raw, reply.raw);
        const jobs =
          verb === 'cancel'
            ? await tidemark.cancelJobs(selection, signal)
            : verb === 'redrive'
              ? await tidemark.redriveJobs(selection, actor === undefined ? {} : { actor }, signal)
              : await tidemark.runJobsNow(selection, signal);
        return { jobs };
      },
    });
  }
}
