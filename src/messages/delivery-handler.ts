/**
 * Delivers a message to its worker: reads it, runs the handler, and ends the unit with what the handler has written. A payload that its topic cannot read is
 * dead at once, and kept as it was published. What the handler throws is a failed attempt, whatever its kind; only the worker's own database is not.
 *
 * Most handlers end within a second whatever their deadline: they run as short work, and stay in a burst. Once an attempt of a subscription has taken
 * longer, its next ones run in a heartbeating activity, which costs more to begin and less to hold.
 */
import { inSchema } from '../postgres/queryable.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import { createHandlerErrors, type HandlerErrors } from '../work/handler-errors.ts';
import type { Unit, UnitHandler } from '../work/unit.ts';
import { DEFAULT_ACK_DEADLINE_MS, DEFAULT_MAX_DELIVERY_ATTEMPTS, type WorkerDefinition } from './define-worker.ts';
import { logFailedAttempt } from './log-failed-attempt.ts';
import { createMessageContext } from './message-context.ts';
import { openMessage } from './open-message.ts';
import { readMessage, readMessages, type StoredMessage } from './read-message.ts';
import type { Topics } from './topic.ts';
import { traceDelivery } from './tracing.ts';

/** Of every delivery. */
export const DELIVERY_WORKFLOW = 'delivery';

/** Of an attempt of a subscription that runs as short work. */
const SHORT_DEADLINE_MS = 60_000;
/** An attempt that took longer: the next one is taken for long, too. */
const SHORT_ATTEMPT_MS = 5_000;

export function deliveryHandler(
  // biome-ignore lint/suspicious/noExplicitAny: of whatever topic
  worker: WorkerDefinition<any>,
  topics: Topics,
  { pool, statements = pool, schema, log }: HandlerDependencies,
  errors: HandlerErrors = createHandlerErrors({ owner: `subscription '${worker.subscription}'`, retry: worker.retry }, log),
): UnitHandler {
  const { subscription, ackDeadlineMs = DEFAULT_ACK_DEADLINE_MS, deadLetter = {} } = worker;
  const maxAttempts = deadLetter.maxDeliveryAttempts ?? DEFAULT_MAX_DELIVERY_ATTEMPTS;
  let lastTookMs = 0;
  const prepared = new WeakMap<Unit, StoredMessage>();

  return {
    workflow: DELIVERY_WORKFLOW,
    group: subscription,
    get long() {
      return ackDeadlineMs > SHORT_DEADLINE_MS || lastTookMs > SHORT_ATTEMPT_MS;
    },
    deadlineMs: ackDeadlineMs,
    strictDeadline: true,
    maxAttempts,
    async prepare(units) {
      const stored = await readMessages(inSchema(statements, schema), units.map(messageIdOf));
      for (const unit of units) {
        const message = stored.get(messageIdOf(unit));
        if (message) {
          prepared.set(unit, message);
        }
      }
    },
    async run(unit, context) {
      const messageId = messageIdOf(unit);
      const stored = prepared.get(unit) ?? (await readMessage(inSchema(pool, schema), messageId));
      prepared.delete(unit);
      const message = openMessage(worker, topics, messageId, stored);
      const beganAt = performance.now();
      try {
        await traceDelivery({ message, subscription, attempt: unit.attempt }, context, () =>
          worker.handler(message, createMessageContext({ unit, context, schema, topics, message, log, errors, ackDeadlineMs })),
        );
      } catch (error) {
        throw errors.own(error);
      } finally {
        lastTookMs = performance.now() - beganAt;
      }
      return {};
    },
    onError(error, unit) {
      const verdict = errors.verdictOf(error, unit);
      logFailedAttempt(log, { messageId: messageIdOf(unit), unit, error, verdict, maxAttempts });
      return verdict;
    },
  };
}

export const messageIdOf = (unit: Unit): string => unit.id.slice(unit.id.lastIndexOf('/') + 1);
