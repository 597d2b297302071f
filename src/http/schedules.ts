/** Schedules: what there is, what is next, fired now, paused and resumed, past times made up for. They belong to no log: for callers who reach all. */
import { z } from 'zod';
import type { Schedules } from '../schedules/schedules.ts';
import { ForbiddenError } from './access.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { problems } from './problem.ts';
import { requireAllLogs, SEES_JOBS } from './require-jobs.ts';
import { Backfilled, Fired, firedBody, Overlap, Schedule, ScheduleName, scheduleBody } from './schedule-schemas.ts';
import { pageSize, TAGS, Timestamp } from './schemas.ts';

const ByName = z.object({ schedule: ScheduleName });
const note = z.string().min(1).max(500).optional().describe('Why, shown with it');

export function scheduleRoutes(app: HttpApp, { schedules }: HttpContext): void {
  const known = (): Schedules => {
    if (schedules === undefined) {
      throw new ForbiddenError("This server has no schedules: it knows no Temporal. Ask one that 'tidemark server' runs.", 'not_exposed');
    }
    return schedules;
  };

  app.route({
    method: 'GET',
    url: '/schedules',
    config: { access: SEES_JOBS },
    schema: {
      tags: [TAGS.jobs],
      summary: 'List schedules: their last and next times',
      response: { 200: z.object({ schedules: z.array(Schedule) }), ...problems() },
    },
    async handler({ caller }) {
      requireAllLogs(caller);
      return { schedules: (await known().list()).map(scheduleBody) };
    },
  });

  app.route({
    method: 'GET',
    url: '/schedules/:schedule',
    config: { access: SEES_JOBS },
    schema: {
      tags: [TAGS.jobs],
      summary: 'Look at a schedule',
      params: ByName,
      response: { 200: Schedule, ...problems(404) },
    },
    async handler({ caller, params }) {
      requireAllLogs(caller);
      return scheduleBody(await known().read(params.schedule));
    },
  });

  app.route({
    method: 'GET',
    url: '/schedules/:schedule/next',
    config: { access: SEES_JOBS },
    schema: {
      tags: [TAGS.jobs],
      summary: 'List the next times of a schedule',
      description: "As Temporal's server lists them, whether or not it is paused.",
      params: ByName,
      querystring: z.object({ limit: pageSize(1_000, 10) }),
      response: { 200: z.object({ next: z.array(Timestamp) }), ...problems(404) },
    },
    async handler({ caller, params, query }) {
      requireAllLogs(caller);
      return { next: (await known().next(params.schedule, query.limit)).map((time) => time.toISOString()) };
    },
  });

  app.route({
    method: 'POST',
    url: '/schedules/:schedule/trigger',
    config: { access: 'jobs' },
    schema: {
      tags: [TAGS.jobs],
      summary: 'Enqueue the job of a schedule now',
      description: 'Also while it is paused. Each request is one more: the id of its job is of its own.',
      params: ByName,
      body: z.object({ overlap: Overlap.optional() }).strict(),
      response: { 200: Fired, ...problems(404) },
    },
    async handler({ caller, params, body }) {
      requireAllLogs(caller);
      return firedBody(await known().trigger(params.schedule, { overlap: body.overlap, actor: caller.actor }));
    },
  });

  for (const verb of ['pause', 'resume'] as const) {
    app.route({
      method: 'POST',
      url: `/schedules/:schedule/${verb}`,
      config: { access: 'admin' },
      schema: {
        tags: [TAGS.jobs],
        summary: verb === 'pause' ? 'Let a schedule fire no more for now' : 'Let a paused schedule fire again',
        description:
          verb === 'pause'
            ? 'It stays so, whoever applies it. Its jobs go on.'
            : 'From its next time on; what was due meanwhile is not made up for.',
        params: ByName,
        body: z.object({ note }).strict(),
        response: { 200: z.object({ schedule: ScheduleName, paused: z.boolean() }), ...problems(404) },
      },
      async handler({ caller, params: { schedule }, body }) {
        requireAllLogs(caller);
        await known()[verb](schedule, body.note);
        return { schedule, paused: verb === 'pause' };
      },
    });
  }

  app.route({
    method: 'POST',
    url: '/schedules/:schedule/backfill',
    config: { access: 'admin' },
    schema: {
      tags: [TAGS.jobs],
      summary: 'Enqueue the jobs of past times that have none',
      description:
        'Of at most 1,000 times, both ends included: all or none. Without overlap they run one after another, unless the schedule allows it.',
      params: ByName,
      body: z.object({ from: Timestamp, to: Timestamp, overlap: Overlap.optional() }).strict(),
      response: { 200: Backfilled, ...problems(404) },
    },
    async handler({ caller, params, body: { from, to, overlap } }) {
      requireAllLogs(caller);
      return known().backfill(params.schedule, { from: new Date(from), to: new Date(to), overlap, actor: caller.actor });
    },
  });
}
