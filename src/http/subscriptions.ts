/** Subscriptions: what each has to do, paused and resumed. Deliveries belong to no log: they are for callers who reach all. */
import { z } from 'zod';
import { listSubscriptions } from '../messages/list-subscriptions.ts';
import { pauseSubscription } from '../messages/pause-subscription.ts';
import { WORK_HINT } from '../postgres/hints.ts';
import { notify } from '../postgres/listen.ts';
import { type Caller, ForbiddenError } from './access.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { Subscription, SubscriptionName, subscriptionBody } from './message-schemas.ts';
import { problems } from './problem.ts';
import { TAGS } from './schemas.ts';

export function subscriptionRoutes(app: HttpApp, { db, tidemark }: HttpContext): void {
  app.route({
    method: 'GET',
    url: '/subscriptions',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.messages],
      summary: 'List subscriptions: how much each has to do, and how old the oldest is',
      description: 'None, for a caller who reaches only some logs.',
      response: { 200: z.object({ subscriptions: z.array(Subscription) }), ...problems() },
    },
    async handler({ caller }) {
      const subscriptions = caller.logPrefixes === undefined ? await listSubscriptions(db) : [];
      return { subscriptions: subscriptions.map(subscriptionBody) };
    },
  });

  for (const verb of ['pause', 'resume'] as const) {
    app.route({
      method: 'POST',
      url: `/subscriptions/:subscription/${verb}`,
      config: { access: 'admin' },
      schema: {
        tags: [TAGS.messages],
        summary: verb === 'pause' ? 'Deliver nothing more of a subscription for now' : 'Deliver a paused subscription again',
        description:
          verb === 'pause' ? 'Messages are published to it and wait; deliveries that run, end.' : 'What has waited, oldest first.',
        params: z.object({ subscription: SubscriptionName }),
        response: { 200: z.object({ subscription: SubscriptionName, paused: z.boolean() }), ...problems(404) },
      },
      async handler({ params: { subscription }, caller }) {
        requireAll(caller);
        await pauseSubscription(db, subscription, verb === 'pause');
        if (verb === 'resume') await notify(db, WORK_HINT, tidemark.schema);
        return { subscription, paused: verb === 'pause' };
      },
    });
  }
}

/** @throws ForbiddenError */
function requireAll({ logPrefixes }: Caller): void {
  if (logPrefixes !== undefined) {
    throw new ForbiddenError('What was sent reaches some logs alone, and this is of none.');
  }
}
