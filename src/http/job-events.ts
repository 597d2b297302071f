/**
 * A job as it goes on: all there is to know of it, at once or when it has ended, and a stream of its states. A stream ends with the job; it needs no place to
 * resume from, because each event says all.
 */

import { z } from 'zod';
import { deadlineSignal } from '../deadline-signal.ts';
import { JobNotFoundError } from '../errors.ts';
import { hasEnded } from '../jobs/job-handle.ts';
import { type JobState, readJob, readJobStates } from '../jobs/read-job.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { createJobHub } from './job-hub.ts';
import { JobId, JobNow, JobWithDetails, jobDetailsBody, jobNowBody } from './job-schemas.ts';
import { problems } from './problem.ts';
import { requireJob, SEES_JOBS } from './require-jobs.ts';
import { untilOver } from './response-over.ts';
import { TAGS } from './schemas.ts';
import { EVENT_STREAM, type Streams } from './streams.ts';

const MOST_WAIT_MS = 60_000;

/**
 * Id of the last event of a job that has ended: an EventSource that connects again has it, and is told not to. It is that of one end: the job may have been
 * redriven since, and ended anew.
 */
const idOfEnd = ({ finishedAt }: JobState): string => `ended-${finishedAt?.toISOString()}`;

const JobEvent = z
  .object({
    id: z.string().optional().describe('`ended-` and when: this was the last one'),
    event: z.literal('status'),
    data: z.string().meta({ contentMediaType: 'application/json', contentSchema: { $ref: '#/components/schemas/JobState' } }),
  })
  .meta({ id: 'JobEvent', description: 'What the job is now; its data is JSON' });

export function jobEventRoutes(app: HttpApp, context: HttpContext, streams: Streams): void {
  const { tidemark, db, closing, events = {} } = context;
  const hub = createJobHub(db, tidemark, events.pollMs ?? 1_000);
  closing.addEventListener('abort', () => hub.close(), { once: true });

  async function readState(id: string): Promise<JobState> {
    const state = (await readJobStates(db, [id])).get(id);
    if (state === undefined) throw new JobNotFoundError(id);
    return state;
  }

  /** Resolves when it has ended, or is gone, or the time is over. */
  function untilEnded(first: JobState, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = hub.follow(first, (state) => {
        if (state === undefined || hasEnded(state)) done();
      });
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    });
  }

  app.route({
    method: 'GET',
    url: '/jobs/:job',
    config: { access: SEES_JOBS },
    schema: {
      tags: [TAGS.jobs],
      summary: 'Look at a job',
      params: z.object({ job: JobId }),
      querystring: z.object({
        waitMs: z.coerce
          .number()
          .int()
          .min(0)
          .max(MOST_WAIT_MS)
          .default(0)
          .describe('Answer when it has ended, or after so long: whichever is first'),
      }),
      response: { 200: JobWithDetails, ...problems(404) },
    },
    async handler(request, reply) {
      const id = await requireJob(db, request.caller, request.params.job);
      const { waitMs } = request.query;
      if (waitMs > 0) {
        const end = streams.begin(request);
        try {
          const state = await readState(id);
          const over = untilOver(request.raw, reply.raw);
          if (!hasEnded(state)) await untilEnded(state, deadlineSignal(waitMs, over, closing));
        } finally {
          end();
        }
      }
      return jobDetailsBody(await readJob(db, id), context);
    },
  });

  app.route({
    method: 'GET',
    url: '/jobs/:job/events',
    config: { access: SEES_JOBS },
    exposeHeadRoute: false,
    schema: {
      tags: [TAGS.jobs],
      summary: 'Follow a job (Server-Sent Events)',
      description:
        'An event `status` at once and whenever it changes, with the job but for its input, attempts and output. The one of its end has an id, `ended-` and when, and the stream ends. A comment every 15 seconds says that the stream is alive.',
      params: z.object({ job: JobId }),
      headers: z.object({ 'last-event-id': z.string().max(100).optional() }),
      response: {
        200: { description: 'A stream that ends with the job', content: { [EVENT_STREAM]: { schema: JobEvent } } },
        204: z.undefined().describe('The job has ended, and whoever asks knows of that end'),
        ...problems(404),
      },
    },
    async handler(request, reply) {
      const id = await requireJob(db, request.caller, request.params.job);
      const end = streams.begin(request);
      const over = untilOver(request.raw, reply.raw);
      const first = await readState(id).catch((error) => {
        end();
        throw error;
      });
      if (hasEnded(first) && request.headers['last-event-id'] === idOfEnd(first)) {
        end();
        return reply.code(204).send();
      }
      reply.hijack();
      if (over.aborted) {
        end();
        return;
      }
      let stop = () => {};
      const reader = streams.open(request, reply, over, () => {
        stop();
        end();
      });
      const write = (state: JobState | undefined) => {
        if (state !== undefined) reader.write(statusEvent(state));
        if (state === undefined || hasEnded(state)) reader.end();
      };
      stop = hub.follow(first, write);
      write(first);
      if (closing.aborted) reader.end();
    },
  });

  function statusEvent(state: JobState): Buffer {
    const id = hasEnded(state) ? `id: ${idOfEnd(state)}\n` : '';
    return Buffer.from(`${id}event: status\ndata: ${JSON.stringify(JobNow.parse(jobNowBody(state, context)))}\n\n`);
  }
}
