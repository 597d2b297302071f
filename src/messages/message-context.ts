/** What a handler gets beside its message. */
import { inSchema, type Queryable } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { Unit, UnitContext } from '../work/unit.ts';
import type { Message, MessageContext, MessageLogger } from './message.ts';
import { publishMessage } from './publish.ts';
import type { Topics } from './topic.ts';
import { rememberPublisher } from './trigger-typed-event.ts';

export interface MessageContextOptions {
  unit: Unit;
  context: UnitContext;
  schema: string;
  topics: Topics;
  message: Message;
  log: HandlerDependencies['log'];
  /** Gets the errors of `db` that say nothing about the handler. */
  outages: WeakSet<object>;
  ackDeadlineMs: number;
}

/** Heartbeats that come faster are one; of a short deadline a quarter of it. */
const HEARTBEAT_MS = 500;

export function createMessageContext({
  unit,
  context,
  schema,
  topics,
  message,
  log,
  outages,
  ackDeadlineMs,
}: MessageContextOptions): MessageContext {
  const { messageId, correlationId, actor, traceparent } = message;
  const subscription = unit.group;
  const leastMs = Math.min(HEARTBEAT_MS, ackDeadlineMs / 4);
  let beatenAt = Number.NEGATIVE_INFINITY;
  const noticeOutage = (error: unknown): never => {
    if (classifyError(error) === 'infrastructure') {
      outages.add(error as object);
    }
    throw error;
  };
  const db: Queryable = { query: (text, values) => context.db.query(text, values).catch(noticeOutage) };
  const publish: MessageContext['publish'] = (topic, payload, options = {}) =>
    publishMessage(inSchema(db, schema), topics, topic, payload, {
      correlationId,
      actor,
      causationId: unit.id,
      traceparent,
      ...options,
    });
  rememberPublisher(db, publish);
  return {
    db,
    publish,
    signal: context.signal,
    attempt: unit.attempt,
    idempotencyKey: unit.id,
    logger: createLogger(log, { messageId, subscription, attempt: unit.attempt }),
    async once(tx) {
      const { schema: quoted, query } = inSchema(tx, schema);
      const { rows } = await query(
        `insert into ${quoted}.processed (subscription, message_id) values ($1::text, $2::bigint) on conflict do nothing returning true as first`,
        [subscription, messageId],
      );
      return rows.length > 0;
    },
    async heartbeat() {
      context.signal.throwIfAborted();
      if (performance.now() - beatenAt < leastMs) {
        return;
      }
      beatenAt = performance.now();
      await context.recordProgress(unit.progress ?? null).catch(noticeOutage);
    },
  };
}

export function createLogger(log: HandlerDependencies['log'], always: Record<string, unknown>): MessageLogger {
  const at =
    (level: keyof MessageLogger) =>
    (text: string, fields: Record<string, unknown> = {}) =>
      log?.(level, text, { ...fields, ...always });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
