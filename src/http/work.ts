/**
 * Work: list, inspect, count, and decide about what is dead. Whoever reaches only some logs sees, counts and decides about units of those; units that
 * belong to no log are for callers who reach all.
 */
import { z } from 'zod';
import { DELIVERY_WORKFLOW } from '../messages/delivery-handler.ts';
import { listMessages, messageIdOf } from '../messages/list-messages.ts';
import { WORK_HINT } from '../postgres/hints.ts';
import { notify } from '../postgres/listen.ts';
import { groupDeadWork } from '../work/group-dead.ts';
import { listWork } from '../work/list.ts';
import { readUnit } from '../work/read-unit.ts';
import { discardWork, redriveWork } from '../work/redrive.ts';
import type { WorkSelection } from '../work/select.ts';
import { workStats } from '../work/stats.ts';
import { workThroughput } from '../work/throughput.ts';
import { type Caller, requireLog } from './access.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { problems } from './problem.ts';
import { untilOver } from './response-over.ts';
import { pageSize, TAGS } from './schemas.ts';
import {
  DeadGroup,
  GroupStats,
  Selection,
  ThroughputBucket,
  Unit,
  UnitWithDetails,
  unitBody,
  unitDetailsBody,
  WorkId,
  WorkState,
} from './work-schemas.ts';

const MAX_IDS = 1_000;

export function workRoutes(app: HttpApp, context: HttpContext): void {
  const { db } = context;

  app.route({
    method: 'GET',
    url: '/work',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.work],
      summary: 'List units, newest first',
      querystring: z.object({
        state: WorkState.optional(),
        ...Selection,
        limit: pageSize(500, 50),
        after: z.string().max(2_000).optional().describe('The `next` of the page before'),
      }),
      response: { 200: z.object({ units: z.array(Unit), next: z.string().optional() }), ...problems() },
    },
    async handler(request) {
      const { limit, after, ...selection } = request.query;
      if (selection.log !== undefined) requireLog(request, selection.log);
      const { units, next } = await listWork(db, within(request.caller, selection), { limit, ...(after === undefined ? {} : { after }) });
      return { units: units.map((unit) => unitBody(unit, context)), ...(next === undefined ? {} : { next }) };
    },
  });

  app.route({
    method: 'GET',
    url: '/work/:workId',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.work],
      summary: 'Inspect a unit',
      params: z.object({ workId: WorkId }),
      response: { 200: UnitWithDetails, ...problems(404) },
    },
    async handler({ params: { workId }, caller }) {
      const unit = await readUnit(db, workId, within(caller, {}));
      const message =
        unit.workflow === DELIVERY_WORKFLOW ? (await listMessages(db, [messageIdOf(workId)], 0)).get(messageIdOf(workId)) : undefined;
      return unitDetailsBody(unit, context, message);
    },
  });

  app.route({
    method: 'GET',
    url: '/work/stats',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.work],
      summary: 'How much work there is, and how old the oldest of it is, by group',
      description: 'A caller who reaches only some logs gets the groups that have a unit of theirs.',
      querystring: z.object({ group: Selection.group }),
      response: {
        200: z.object({
          groups: z.array(GroupStats),
          sweep: z
            .record(z.string(), z.int())
            .describe(
              'What the sweep has found since the installation; 0 where nothing was killed. Empty for a caller who reaches only some logs',
            ),
        }),
        ...problems(),
      },
    },
    handler: ({ query, caller }) => workStats(db, within(caller, query)),
  });

  app.route({
    method: 'GET',
    url: '/work/throughput',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.work],
      summary: 'How many units ended when, and how long they took',
      description:
        'Of the last day at most. A caller who reaches only some logs gets what is still kept of their units: pruned ones are counted by group alone.',
      querystring: z.object({
        minutes: z.coerce.number().int().min(1).max(1_440).default(60).describe('Up to now'),
        group: Selection.group,
      }),
      response: {
        200: z.object({
          bucketMs: z.number(),
          buckets: z.array(ThroughputBucket).describe('In the order of time; only those in which something ended'),
        }),
        ...problems(),
      },
    },
    async handler({ query: { minutes, group }, caller: { logPrefixes } }) {
      const { bucketMs, buckets } = await workThroughput(db, { minutes, group, logPrefixes });
      return { bucketMs, buckets: buckets.map(({ at, ...bucket }) => ({ at: at.toISOString(), ...bucket })) };
    },
  });

  app.route({
    method: 'GET',
    url: '/work/errors',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.work],
      summary: 'Dead units by their errors, largest group first',
      querystring: z.object({ group: Selection.group, workflow: Selection.workflow, log: Selection.log, limit: pageSize(1_000, 100) }),
      response: { 200: z.object({ errors: z.array(DeadGroup) }), ...problems() },
    },
    async handler(request) {
      const { limit, ...selection } = request.query;
      if (selection.log !== undefined) requireLog(request, selection.log);
      const errors = await groupDeadWork(db, within(request.caller, selection), limit);
      return {
        errors: errors.map(({ oldestAt, newestAt, ...error }) => ({
          ...error,
          oldestAt: oldestAt.toISOString(),
          newestAt: newestAt.toISOString(),
        })),
      };
    },
  });

  decisionRoute(app, context, 'redrive', 'Run dead units again, in a new epoch');
  decisionRoute(app, context, 'discard', 'Give dead units up: cancelled, and their entries no longer pending');
}

const Decision = z
  .object({
    ids: z.array(WorkId).min(1).max(MAX_IDS).optional().describe('These units; those that are not dead are left as they are'),
    ...Selection,
  })
  .strict()
  .refine((body) => Object.keys(body).length > 0, 'say which units: ids, or fingerprint, group, workflow, log, error, olderThanMs')
  .meta({ id: 'DeadSelection', description: 'Dead units that meet all of it; at least one thing has to be said' });

function decisionRoute(app: HttpApp, { db, tidemark }: HttpContext, verb: 'redrive' | 'discard', summary: string): void {
  app.route({
    method: 'POST',
    url: `/work/${verb}`,
    config: { access: 'admin' },
    schema: {
      tags: [TAGS.work],
      summary,
      description:
        'Each unit is a transaction of its own: a call that is cut off has done a part, and may be repeated. Large selections take their time, some milliseconds a unit.',
      body: Decision,
      response: { 200: z.object({ units: z.int().describe('How many it was done with') }), ...problems() },
    },
    async handler(request, reply) {
      const { log } = request.body;
      if (log !== undefined) requireLog(request, log);
      const signal = untilOver(request.raw, reply.raw);
      const units = await (verb === 'redrive' ? redriveWork : discardWork)(db, within(request.caller, request.body), {
        signal,
        actor: request.caller.actor,
      });
      // Also a discarded unit may have been in the way of another one.
      if (units > 0) await notify(db, WORK_HINT, tidemark.schema);
      return { units };
    },
  });
}

/** What is asked for, of the units that the caller reaches. */
function within({ logPrefixes }: Caller, selection: { [K in keyof WorkSelection]?: WorkSelection[K] | undefined }): WorkSelection {
  const asked: WorkSelection = Object.fromEntries(Object.entries(selection).filter(([, value]) => value !== undefined));
  return logPrefixes === undefined ? asked : { ...asked, logPrefixes };
}
