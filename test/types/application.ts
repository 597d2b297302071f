/** An application that has registered its topics: what is typed from there on, and what is refused. Checked by `npm run check`, and against the package as a user gets it. */
import {
  binary,
  createTidemark,
  defineTopics,
  defineWorker,
  type NotificationHandlerReturn,
  notificationWorkerToWorker,
  type PubSubSchema,
  type Queryable,
  type TypedNotificationWorker,
  type TypedWorker,
  triggerTypedEvent,
  typedWorkers,
  type Worker,
} from 'tidemark';
import { z } from 'zod';

const topics = defineTopics({
  'post-upvoted': z.object({ postId: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  reading: binary(),
});

declare module 'tidemark' {
  interface Register {
    topics: typeof topics;
  }
}

export const reputation: TypedWorker<'post-upvoted'> = {
  topic: 'post-upvoted',
  subscription: 'post-upvoted-rep',
  async handler({ data, messageId }, { publish, db }) {
    const post: string = data.postId;
    const year: number = data.at.getFullYear();
    // @ts-expect-error it has no such field
    const none = data.userId;
    await publish('post-upvoted', { postId: post, at: `${year}`, ...none });
    // @ts-expect-error a payload is as the schema reads it, not as it gives it
    await publish('post-upvoted', { postId: messageId, at: data.at });
    // @ts-expect-error there is no such topic
    await triggerTypedEvent(db, 'post-downvoted', {});
  },
};

export const first: TypedWorker<'reading', number> = {
  topic: 'reading',
  subscription: 'first',
  parseMessage: (bytes) => bytes[0] ?? 0,
  handler: ({ data }) => data.toFixed(1),
};

// @ts-expect-error nobody else can read it
export const blind: TypedWorker<'reading'> = { topic: 'reading', subscription: 'blind', handler: () => {} };

const notifications: TypedNotificationWorker<'post-upvoted'> = {
  topic: 'post-upvoted',
  subscription: 'post-upvoted-notification',
  handler: async ({ data }): Promise<NotificationHandlerReturn> => [{ type: 'upvoted', ctx: { postId: data.postId } }],
};

// @ts-expect-error its handler returns no notifications
export const silent: TypedNotificationWorker<'post-upvoted'> = { ...notifications, handler: async () => 7 };

export const workers: readonly Worker[] = typedWorkers(topics, [
  reputation,
  first,
  notificationWorkerToWorker(notifications, { table: 'notification' }),
  defineWorker(topics, { topic: 'post-upvoted', subscription: 'more', handler: ({ data }) => data.at.getTime() }),
]);

export async function upvote(db: Queryable, event: PubSubSchema['post-upvoted']): Promise<string> {
  const tidemark = createTidemark({ db, topics, workers });
  const { messageId } = await tidemark.transaction(({ tx }) => triggerTypedEvent(tx, 'post-upvoted', event));
  // @ts-expect-error a field is missing
  await tidemark.publish('post-upvoted', { postId: '1' });
  return messageId;
}
