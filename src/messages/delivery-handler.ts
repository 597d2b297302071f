/**
 * Delivers a message to its worker: reads it, runs the handler, and ends the unit with what the handler has written. A payload that its topic cannot read is
 * dead at once, and kept as it was published. What the handler throws is a failed attempt, whatever its kind; only the worker's own database is not.
 */
import { InvalidInputError, TidemarkError } from '../errors.ts';
import { inSchema } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { UnitHandler } from '../work/unit.ts';
import { DEFAULT_ACK_DEADLINE_MS, DEFAULT_MAX_DELIVERY_ATTEMPTS, type WorkerDefinition } from './define-worker.ts';
import type { Message } from './message.ts';
import { createMessageContext } from './message-context.ts';
import { readMessage } from './read-message.ts';
import { retryInMs } from './retry-policy.ts';
import type { Topics } from './topic.ts';

const DELIVERY_WORKFLOW = 'delivery';

/** Attempts of more than this run in a heartbeating activity. */
const SHORT_MS = 10_000;

// biome-ignore lint/suspicious/noExplicitAny: of whatever topic
export function deliveryHandler(worker: WorkerDefinition<any>, topics: Topics, { pool, schema, log }: HandlerDependencies): UnitHandler {
  const { subscription, ackDeadlineMs = DEFAULT_ACK_DEADLINE_MS, deadLetter = {} } = worker;
  /** What handlers threw, and what of it came from the database that the delivery is in. */
  const thrown = new WeakSet<object>();
  const outages = new WeakSet<object>();
  return {
    workflow: DELIVERY_WORKFLOW,
    group: subscription,
    ...(ackDeadlineMs > SHORT_MS ? { long: true } : {}),
    deadlineMs: ackDeadlineMs,
    maxAttempts: deadLetter.maxDeliveryAttempts ?? DEFAULT_MAX_DELIVERY_ATTEMPTS,
    async run(unit, context) {
      const messageId = unit.id.slice(unit.id.lastIndexOf('/') + 1);
      const stored = await readMessage(inSchema(pool, schema), messageId);
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
      const message: Message = { ...rest, data: topic.decode(payload) };
      try {
        await worker.handler(message, createMessageContext({ unit, context, schema, topics, message, log, outages }));
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(`The handler threw ${typeof error} '${String(error).slice(0, 200)}'.`);
        thrown.add(failure);
        throw failure;
      }
      return {};
    },
    onError(error, unit) {
      // A service that does not answer is the handler's own failure; the database of the delivery is not.
      const isOwn = thrown.has(error as object) ? !outages.has(error as object) : classifyError(error) === 'handler';
      if (!isOwn) {
        return undefined;
      }
      const waitMs = retryInMs(error, unit.failures + 1, worker.retry);
      return waitMs === undefined ? { fatal: true } : { retryInMs: waitMs };
    },
  };
}
