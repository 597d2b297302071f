/**
 * Delivers a message to its worker: reads it, runs the handler, and ends the unit with what the handler has written. A payload that its topic cannot read is
 * dead at once, and kept as it was published. What the handler throws is a failed attempt, whatever its kind; only the worker's own database is not.
 *
 * Most handlers end within a second whatever their deadline: they run as short work, and stay in a burst. Once an attempt of a subscription has taken
 * longer, its next ones run in a heartbeating activity, which costs more to begin and less to hold.
 */
import { errorMessage, InvalidInputError, TidemarkError } from '../errors.ts';
import { inSchema } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { Unit, UnitHandler } from '../work/unit.ts';
import { DEFAULT_ACK_DEADLINE_MS, DEFAULT_MAX_DELIVERY_ATTEMPTS, type WorkerDefinition } from './define-worker.ts';
import type { Message } from './message.ts';
import { createMessageContext } from './message-context.ts';
import { readData } from './read-data.ts';
import { readMessage, readMessages, type StoredMessage } from './read-message.ts';
import { retryInMs } from './retry-policy.ts';
import type { Topics } from './topic.ts';
import { traceDelivery } from './tracing.ts';

/** Of every delivery. */
export const DELIVERY_WORKFLOW = 'delivery';

/** Of an attempt of a subscription that runs as short work. */
const SHORT_DEADLINE_MS = 60_000;
/** An attempt that took longer: the next one is taken for long, too. */
const SHORT_ATTEMPT_MS = 5_000;

// biome-ignore lint/suspicious/noExplicitAny: of whatever topic
export function deliveryHandler(worker: WorkerDefinition<any>, topics: Topics, { pool, schema, log }: HandlerDependencies): UnitHandler {
  const { subscription, ackDeadlineMs = DEFAULT_ACK_DEADLINE_MS, deadLetter = {} } = worker;
  /** What handlers threw, and what of it came from the database that the delivery is in. */
  const thrown = new WeakSet<object>();
  const outages = new WeakSet<object>();
  let lastTookMs = 0;
  const prepared = new WeakMap<Unit, StoredMessage>();

  const retryAfter = (error: unknown, failures: number): number | undefined => {
    try {
      return retryInMs(error, failures, worker.retry);
    } catch (broken) {
      log?.('error', `retry.when of subscription '${subscription}' threw: ${errorMessage(broken)}`, { subscription });
      return retryInMs(error, failures, { ...worker.retry, when: () => undefined });
    }
  };

  return {
    workflow: DELIVERY_WORKFLOW,
    group: subscription,
    get long() {
      return ackDeadlineMs > SHORT_DEADLINE_MS || lastTookMs > SHORT_ATTEMPT_MS;
    },
    deadlineMs: ackDeadlineMs,
    strictDeadline: true,
    maxAttempts: deadLetter.maxDeliveryAttempts ?? DEFAULT_MAX_DELIVERY_ATTEMPTS,
    async prepare(units) {
      const stored = await readMessages(inSchema(pool, schema), units.map(messageIdOf));
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
      if (stored === undefined) {
        throw new TidemarkError('message_gone', `Message ${messageId} of '${subscription}' is gone: somebody has removed it by hand.`);
      }
      const topic = topics[stored.topic];
      if (topic === undefined) {
        throw new InvalidInputError(
          `Message ${messageId} of '${subscription}' is of topic '${stored.topic}', which this worker does not define.`,
        );
      }
      const { payload, ...rest } = stored;
      const message: Message = { ...rest, data: readData(worker, topic, payload) };
      const beganAt = performance.now();
      try {
        const delivery = { ...message, subscription, attempt: unit.attempt, signal: context.signal };
        await traceDelivery(delivery, async () =>
          worker.handler(message, createMessageContext({ unit, context, schema, topics, message, log, outages, ackDeadlineMs })),
        );
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(`The handler threw ${typeof error} '${String(error).slice(0, 200)}'.`);
        thrown.add(failure);
        throw failure;
      } finally {
        lastTookMs = performance.now() - beganAt;
      }
      return {};
    },
    onError(error, unit) {
      // A service that does not answer is the handler's own failure; the database of the delivery is not.
      if (thrown.has(error as object)) {
        if (isFrom(outages, error)) {
          return { outage: true };
        }
      } else if (classifyError(error) === 'infrastructure') {
        return undefined;
      } else if (classifyError(error) === 'fatal') {
        return { fatal: true };
      }
      const waitMs = retryAfter(error, unit.failures + 1);
      return waitMs === undefined ? { fatal: true } : { retryInMs: waitMs };
    },
  };
}

export const messageIdOf = (unit: Unit): string => unit.id.slice(unit.id.lastIndexOf('/') + 1);

/** The error itself, or what it says is its cause. */
function isFrom(errors: WeakSet<object>, error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if (errors.has(at)) {
      return true;
    }
  }
  return false;
}
