/** Dead letters: list, look at, redrive, discard. What they hold is an application's own, so all of it is for administrators. */
import { z } from 'zod';
import { listDeadLetters, readDeadLetter } from '../messages/dead-letters.ts';
import { DELIVERY_WORKFLOW } from '../messages/delivery-handler.ts';
import { WORK_HINT } from '../postgres/hints.ts';
import { notify } from '../postgres/listen.ts';
import { discardWork, redriveWork } from '../work/redrive.ts';
import type { WorkSelection } from '../work/select.ts';
import type { Caller } from './access.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { DeadLetter, DeadLetterSelection, DeadLetterWithDetails, deadLetterBody, deadLetterDetailsBody } from './message-schemas.ts';
import { problems } from './problem.ts';
import { untilOver } from './response-over.ts';
import { pageSize, TAGS } from './schemas.ts';
import { WorkId } from './work-schemas.ts';

const MAX_IDS = 1_000;

export function deadLetterRoutes(app: HttpApp, context: HttpContext): void {
  const { db } = context;

  app.route({
    method: 'GET',
    url: '/dead-letters',
    config: { access: 'admin' },
    schema: {
      tags: [TAGS.messages],
      summary: 'List dead letters, newest first',
      querystring: z.object({
        ...DeadLetterSelection,
        limit: pageSize(500, 50),
        after: z.string().max(2_000).optional().describe('The `next` of the page before'),
      }),
      response: { 200: z.object({ deadLetters: z.array(DeadLetter), next: z.string().optional() }), ...problems() },
    },
    async handler({ query: { limit, after, ...selection }, caller }) {
      const page = await listDeadLetters(db, within(caller, selection), { limit, ...(after === undefined ? {} : { after }) });
      return {
        deadLetters: page.deadLetters.map((letter) => deadLetterBody(letter, context)),
        ...(page.next === undefined ? {} : { next: page.next }),
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/dead-letters/:workId',
    config: { access: 'admin' },
    schema: {
      tags: [TAGS.messages],
      summary: 'Inspect a delivery: its message, its error, and what was decided about it',
      description: 'Dead, or not any more.',
      params: z.object({ workId: WorkId }),
      response: { 200: DeadLetterWithDetails, ...problems(404) },
    },
    handler: async ({ params: { workId }, caller }) => deadLetterDetailsBody(await readDeadLetter(db, workId, within(caller, {})), context),
  });

  decisionRoute(app, context, 'redrive', 'Deliver dead letters again, in a new epoch');
  decisionRoute(app, context, 'discard', 'Give dead letters up');
}

const FIELDS = {
  ids: z.array(WorkId).min(1).max(MAX_IDS).optional().describe('These deliveries; those that are not dead are left as they are'),
  ...DeadLetterSelection,
  correlationId: z.string().min(1).max(500).optional().describe('Kept with each of them, beside who decided'),
};
const RATE = {
  ratePerSecond: z.number().min(0.01).max(10_000).optional().describe('So many of them begin in a second, in the order of their ids'),
};

const saysWhich = ({ correlationId: _, ratePerSecond: __, ...selection }: Record<string, unknown>) => Object.keys(selection).length > 0;
const SAY_WHICH = 'say which dead letters: ids, or subscription, fingerprint, error, olderThanMs';
const BODIES = {
  redrive: z
    .object({ ...FIELDS, ...RATE })
    .strict()
    .refine(saysWhich, SAY_WHICH)
    .meta({ id: 'DeadLetterRedrive' }),
  discard: z.object(FIELDS).strict().refine(saysWhich, SAY_WHICH).meta({ id: 'DeadLetterDiscard' }),
};

function decisionRoute(app: HttpApp, { db, tidemark }: HttpContext, verb: 'redrive' | 'discard', summary: string): void {
  app.route({
    method: 'POST',
    url: `/dead-letters/${verb}`,
    config: { access: 'admin' },
    schema: {
      tags: [TAGS.messages],
      summary,
      description: 'Each is a transaction of its own: a call that is cut off has done a part, and may be repeated. Who decided is kept.',
      body: BODIES[verb] as typeof BODIES.redrive,
      response: { 200: z.object({ units: z.int().describe('How many it was done with') }), ...problems() },
    },
    async handler(request, reply) {
      const { correlationId, ratePerSecond, ...selection } = request.body;
      const who = { signal: untilOver(request.raw, reply.raw), actor: request.caller.actor, correlationId };
      const dead = { ...within(request.caller, selection), workflow: DELIVERY_WORKFLOW };
      const units = await (verb === 'redrive' ? redriveWork(db, dead, { ...who, ratePerSecond }) : discardWork(db, dead, who));
      // Also a discarded one may have been in the way of another.
      if (units > 0) await notify(db, WORK_HINT, tidemark.schema);
      return { units };
    },
  });
}

type Asked = { subscription?: string | undefined } & { [K in keyof WorkSelection]?: WorkSelection[K] | undefined };

/** What is asked for, of what the caller reaches. */
function within({ logPrefixes }: Caller, { subscription: group, ...selection }: Asked): WorkSelection {
  const asked: WorkSelection = Object.fromEntries(Object.entries({ ...selection, group }).filter(([, value]) => value !== undefined));
  return logPrefixes === undefined ? asked : { ...asked, logPrefixes };
}
