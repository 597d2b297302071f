/** A worker's handler, called by a test as a delivery would. */

import { AssertionError } from 'node:assert';
import { randomInt } from 'node:crypto';
import { deadlineSignal } from '../deadline-signal.ts';
import { errorMessage } from '../errors.ts';
import { type AnyWorker, type BatchWorkerDefinition, DEFAULT_ACK_DEADLINE_MS, type WorkerDefinition } from '../messages/define-worker.ts';
import { handledAlone } from '../messages/handled-alone.ts';
import type { Message, MessageContext, MessageLogger } from '../messages/message.ts';
import { markProcessed } from '../messages/processed.ts';
import type { PublishOptions } from '../messages/publish.ts';
import { rememberPublisher } from '../messages/trigger-typed-event.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import { noDatabase } from './no-database.ts';
import { orAborted } from './or-aborted.ts';

export interface DeliverOptions extends Partial<Omit<Message, 'data' | 'topic'>> {
  /** On its database, in one transaction that commits when the handler has ended. Without it nothing is published: see `published`. */
  app?: Tidemark;
  /** The handler's `db`, where there is no app. Default: one that says what to do. */
  db?: Queryable;
  /** Default 1. */
  attempt?: number;
  signal?: AbortSignal;
}

export interface DeliverValue {
  /** What the handler returned. */
  result: unknown;
  published: { topic: string; payload: unknown; options: PublishOptions }[];
  logs: { level: keyof MessageLogger; text: string; fields: Record<string, unknown> }[];
  heartbeats: number;
}

/**
 * Runs the handler once, for its `ackDeadlineMs` at most. One that takes batches gets the message in an array of one.
 * @param data as the handler gets it
 * @example const { published } = await deliver(mail, { orderId: 'o1' }, { app: tidemark });
 * @throws what the handler throws: nothing was written then
 */
export async function deliver<DataT>(
  // biome-ignore lint/suspicious/noExplicitAny: of whatever topic
  worker: WorkerDefinition<DataT, any> | BatchWorkerDefinition<DataT, any>,
  data: DataT,
  options: DeliverOptions = {},
): Promise<DeliverValue> {
  const { app, db = noDatabase('Give deliver({ app }), or { db }.'), ...rest } = options;
  if (app === undefined) {
    return run(worker, data, rest, { db, publish: async () => NOT_PUBLISHED, once: onceInMemory() });
  }
  const { messageId = String(randomInt(2 ** 47)) } = rest;
  return app.transaction(({ tx, publish }) =>
    run(
      worker,
      data,
      { ...rest, messageId },
      {
        db: { query: (text, values) => tx.query(text, values) },
        publish: publish as MessageContext['publish'],
        once: async (given) => (await markProcessed(given, app.schema, worker.subscription, [messageId])).size > 0,
      },
    ),
  );
}

/**
 * `deliver`, where a failure of the handler is one of the test.
 * @throws AssertionError with the handler's error as its cause
 */
export async function expectSuccessfulTypedBackground<DataT>(
  // biome-ignore lint/suspicious/noExplicitAny: of whatever topic
  worker: WorkerDefinition<DataT, any> | BatchWorkerDefinition<DataT, any>,
  data: DataT,
  options: DeliverOptions = {},
): Promise<DeliverValue> {
  try {
    return await deliver(worker, data, options);
  } catch (cause) {
    const message = `Expected '${worker.subscription}' to handle the message, but it failed: ${errorMessage(cause)}`;
    throw Object.assign(new AssertionError({ message, stackStartFn: expectSuccessfulTypedBackground }), { cause });
  }
}

const NOT_PUBLISHED = { messageId: '', deliveries: 0, isDuplicate: false };

type Surroundings = Pick<MessageContext, 'db' | 'publish' | 'once'>;

async function run(
  worker: AnyWorker,
  data: unknown,
  { attempt = 1, signal, messageId = '1', publishedAt = new Date(), attributes = {}, ...more }: Omit<DeliverOptions, 'app' | 'db'>,
  { db, publish, once }: Surroundings,
): Promise<DeliverValue> {
  const { subscription, topic, ackDeadlineMs = DEFAULT_ACK_DEADLINE_MS } = worker;
  const value: DeliverValue = { result: undefined, published: [], logs: [], heartbeats: 0 };
  const attemptSignal = deadlineSignal(ackDeadlineMs, ...(signal ? [signal] : []));
  const at =
    (level: keyof MessageLogger) =>
    (text: string, fields: Record<string, unknown> = {}) =>
      void value.logs.push({ level, text, fields: { ...fields, messageId, subscription, attempt } });
  const context: MessageContext = {
    db,
    once,
    signal: attemptSignal,
    attempt,
    idempotencyKey: `delivery/${subscription}/${messageId}`,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    async publish(name, payload, options = {}) {
      const answer = await publish(name, payload, options);
      value.published.push({ topic: name, payload, options });
      return answer;
    },
    async heartbeat() {
      attemptSignal.throwIfAborted();
      value.heartbeats += 1;
    },
  };
  rememberPublisher(db, context.publish);
  const message: Message = { messageId, topic, publishedAt, attributes, ...more, data };
  value.result = await orAborted((async () => handledAlone(worker).handler(message, context))(), attemptSignal);
  return value;
}

function onceInMemory(): MessageContext['once'] {
  let isFirst = true;
  return async () => {
    const was = isFirst;
    isFirst = false;
    return was;
  };
}
