/** What a handler gets beside its message. */
import { createHeartbeat } from '../work/create-heartbeat.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { HandlerErrors } from '../work/handler-errors.ts';
import type { Unit, UnitContext } from '../work/unit.ts';
import type { Message, MessageContext, MessageLogger } from './message.ts';
import { markProcessed } from './processed.ts';
import { type PublishingDatabase, publishingDatabase } from './publishing-database.ts';
import type { Topics } from './topic.ts';

export interface MessageContextOptions {
  unit: Unit;
  context: UnitContext;
  schema: string;
  topics: Topics;
  message: Message;
  log: HandlerDependencies['log'];
  errors: HandlerErrors;
  ackDeadlineMs: number;
}

export function createMessageContext({
  unit,
  context,
  schema,
  topics,
  message,
  log,
  errors,
  ackDeadlineMs,
}: MessageContextOptions): MessageContext {
  const { messageId, correlationId, actor, traceparent } = message;
  const subscription = unit.group;
  const provenance = { correlationId, actor, causationId: unit.id, traceparent };
  let database: PublishingDatabase | undefined;
  const publishing = () => (database ??= publishingDatabase({ db: context.db, schema, topics, errors, provenance }));
  // Made when it is first asked for: most handlers write elsewhere.
  return {
    get db() {
      return publishing().db;
    },
    get publish() {
      return publishing().publish;
    },
    get signal() {
      return context.signal;
    },
    attempt: unit.attempt,
    idempotencyKey: unit.id,
    logger: createLogger(log, { messageId, subscription, attempt: unit.attempt }),
    once: async (tx) => (await markProcessed(tx, schema, subscription, [messageId])).size > 0,
    heartbeat: createHeartbeat(context, ackDeadlineMs, () => errors.watch(context.recordProgress(unit.progress ?? null))),
  };
}

export function createLogger(log: HandlerDependencies['log'], always: Record<string, unknown>): MessageLogger {
  const at =
    (level: keyof MessageLogger) =>
    (text: string, fields: Record<string, unknown> = {}) =>
      log?.(level, text, { ...fields, ...always });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
