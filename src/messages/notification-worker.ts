/**
 * Workers whose handler returns notifications. They are stored in the transaction of the delivery's end: all of them, or none. Each has a key that is the
 * same whenever the message is handled, so that no message leaves one twice.
 */
import { InvalidInputError } from '../errors.ts';
import type { WorkerDefinition } from './define-worker.ts';
import type { Message, MessageContext } from './message.ts';
import type { DeliveredData, TopicName } from './register.ts';
import type { WorkerToWrap } from './wrap-worker.ts';

export interface Notification {
  type: string;
  /** What it is about, as JSON. */
  ctx: unknown;
}

export type NotificationHandlerReturn<NotificationT = Notification> = readonly NotificationT[] | undefined;

/** Its handler returns notifications. */
export type NotificationWorker<DataT, NameT extends string = string, NotificationT = Notification> = WorkerToWrap<
  DataT,
  NameT,
  MessageContext,
  NotificationHandlerReturn<NotificationT> | Promise<NotificationHandlerReturn<NotificationT>>
>;

/** The same, of a registered topic. */
export type TypedNotificationWorker<NameT extends TopicName, NotificationT = Notification> = NotificationWorker<
  DeliveredData<NameT>,
  NameT,
  NotificationT
>;

export interface NotificationToStore<NotificationT = Notification> {
  notification: NotificationT;
  /** `delivery/<subscription>/<message id>/<position>`: make it unique where you store it. */
  uniqueKey: string;
}

/**
 * Where they go: a table of yours (of notifications that have type and ctx), or a function that stores them through `context.db`.
 *
 * The table, with whatever columns more: `unique_key text primary key, type text not null, ctx jsonb, created_at timestamptz default now()`.
 */
export type NotificationSink<DataT, NotificationT = Notification> =
  | (NotificationT extends Notification ? { table: string } : never)
  | ((notifications: readonly NotificationToStore<NotificationT>[], context: MessageContext, message: Message<DataT>) => Promise<unknown>);

/**
 * @example notificationWorkerToWorker({ …, handler: async ({ data }) => [{ type: 'upvoted', ctx: { postId: data.postId } }] }, { table: 'app.notification' })
 * @throws InvalidInputError for a table's name that would need quotes
 */
export function notificationWorkerToWorker<DataT, NameT extends string, NotificationT = Notification>(
  worker: NotificationWorker<DataT, NameT, NotificationT>,
  sink: NotificationSink<DataT, NotificationT>,
): WorkerDefinition<DataT, NameT> {
  const store = typeof sink === 'function' ? sink : storeInTable((sink as { table: string }).table);
  return {
    ...worker,
    async handler(message, context) {
      const notifications = (await worker.handler(message, context)) ?? [];
      if (notifications.length > 0) {
        const keyed = notifications.map((notification, index) => ({ notification, uniqueKey: `${context.idempotencyKey}/${index}` }));
        await store(keyed as never, context, message);
      }
    },
  };
}

function storeInTable(table: string) {
  if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(table)) {
    throw new InvalidInputError(`'${table}' is no table's name: use a-z, 0-9 and _, with a schema before it if need be.`);
  }
  const quoted = table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
  return (keyed: readonly NotificationToStore[], { db }: MessageContext) =>
    db.query(
      `insert into ${quoted} (unique_key, type, ctx)
       select n.unique_key, n.type, n.ctx from jsonb_to_recordset($1::jsonb) as n (unique_key text, type text, ctx jsonb)
       on conflict (unique_key) do nothing`,
      [JSON.stringify(keyed.map(({ notification: { type, ctx }, uniqueKey }) => ({ unique_key: uniqueKey, type, ctx })))],
    );
}
