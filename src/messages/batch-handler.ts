/**
 * Delivers messages to a worker that takes many together: reads them, runs its handler once, and ends those that it did not fail with what it wrote.
 * A payload that its topic cannot read fails alone, and is dead. One that has left its batch is delivered in an array of one.
 */
import { errorMessage, InvalidInputError } from '../errors.ts';
import { inSchema } from '../postgres/queryable.ts';
import { createHeartbeat } from '../work/create-heartbeat.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import { createHandlerErrors } from '../work/handler-errors.ts';
import type { BatchUnitContext, ErrorVerdict, Unit, UnitHandler } from '../work/unit.ts';
import type { BatchWorkerDefinition } from './define-worker.ts';
import { deliveryHandler, messageIdOf } from './delivery-handler.ts';
import { handledAlone } from './handled-alone.ts';
import type { BatchContext, BatchMessage } from './message.ts';
import { createLogger } from './message-context.ts';
import { openMessage } from './open-message.ts';
import { markProcessed } from './processed.ts';
import { publishingDatabase } from './publishing-database.ts';
import { readMessages, type StoredMessage } from './read-message.ts';
import type { Topics } from './topic.ts';
import { traceBatch } from './tracing.ts';

// biome-ignore lint/suspicious/noExplicitAny: of whatever topic
type AnyBatchWorker = BatchWorkerDefinition<any>;

export function batchDeliveryHandler(worker: AnyBatchWorker, topics: Topics, dependencies: HandlerDependencies): UnitHandler {
  const { subscription } = worker;
  const errors = createHandlerErrors({ owner: `subscription '${worker.subscription}'`, retry: worker.retry }, dependencies.log);
  const single = deliveryHandler(handledAlone(worker), topics, dependencies, errors);
  const { onError: onErrorOfOne } = single;

  /** First of a batch, which stands for it where all of it fails → how many they are. */
  const running = new WeakMap<Unit, number>();

  async function run(units: readonly Unit[], context: BatchUnitContext): Promise<ReadonlyMap<Unit, unknown>> {
    const [first] = units as [Unit];
    running.set(first, units.length);
    const failed = await handle(units, context);
    running.delete(first);
    return failed;
  }

  function onError(error: unknown, unit: Unit): ErrorVerdict | undefined {
    const messages = running.get(unit);
    if (messages === undefined) {
      return onErrorOfOne?.(error, unit);
    }
    running.delete(unit);
    dependencies.log?.('warn', `A batch failed, and its messages go on: ${errorMessage(error)}`, { subscription, messages, error });
    return errors.verdictOf(error, unit);
  }

  async function handle(units: readonly Unit[], context: BatchUnitContext): Promise<ReadonlyMap<Unit, unknown>> {
    const failed = new Map<Unit, unknown>();
    const stored = await readMessages(inSchema(dependencies.pool, dependencies.schema), units.map(messageIdOf));
    const unitOf = new Map<BatchMessage, Unit>();
    for (const unit of units) {
      try {
        unitOf.set(decode(unit, stored.get(messageIdOf(unit))), unit);
      } catch (error) {
        failed.set(unit, error);
      }
    }
    if (unitOf.size === 0) {
      return failed;
    }
    const fail = (message: BatchMessage, error: unknown) => {
      const unit = unitOf.get(message);
      if (unit === undefined) {
        throw new InvalidInputError(
          `fail() of subscription '${subscription}' was given no message of this batch. Give it the object that the handler got.`,
        );
      }
      failed.set(unit, errors.own(error));
    };
    try {
      const messages = [...unitOf.keys()];
      await traceBatch({ subscription, messages }, context, async () =>
        worker.handler(messages, batchContext(context, messages.length, fail)),
      );
    } catch (error) {
      throw errors.own(error);
    }
    return failed;
  }

  function decode(unit: Unit, stored: StoredMessage | undefined): BatchMessage {
    return { ...openMessage(worker, topics, messageIdOf(unit), stored), attempt: unit.attempt, idempotencyKey: unit.id };
  }

  function batchContext(context: BatchUnitContext, messages: number, fail: BatchContext['fail']): BatchContext {
    const { db, publish } = publishingDatabase({ db: context.db, schema: dependencies.schema, topics, errors });
    return {
      db,
      publish,
      fail,
      signal: context.signal,
      async once(tx, batch) {
        const first = await markProcessed(
          tx,
          dependencies.schema,
          subscription,
          batch.map(({ messageId }) => messageId),
        );
        return batch.filter(({ messageId }) => first.has(messageId));
      },
      heartbeat: createHeartbeat(context, single.deadlineMs, () => errors.watch(context.extend())),
      logger: createLogger(dependencies.log, { subscription, messages }),
    };
  }

  return Object.assign(single, { onError, batch: { max: worker.batch.max, run } });
}
