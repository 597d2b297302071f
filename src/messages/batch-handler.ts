/**
 * Delivers messages to a worker that takes many together: reads them, runs its handler once, and ends those that it did not fail with what it wrote.
 * A payload that its topic cannot read fails alone, and is dead. One that has left its batch is delivered in an array of one.
 */
import { InvalidInputError, TidemarkError } from '../errors.ts';
import { inSchema, type Queryable } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { BatchUnitContext, ErrorVerdict, Unit, UnitHandler } from '../work/unit.ts';
import type { BatchWorkerDefinition } from './define-worker.ts';
import { deliveryHandler, messageIdOf } from './delivery-handler.ts';
import { handledAlone } from './handled-alone.ts';
import type { BatchContext, BatchMessage } from './message.ts';
import { createLogger } from './message-context.ts';
import { publishMessage } from './publish.ts';
import { readData } from './read-data.ts';
import { readMessages, type StoredMessage } from './read-message.ts';
import { retryInMs } from './retry-policy.ts';
import type { Topics } from './topic.ts';
import { traceBatch } from './tracing.ts';

// biome-ignore lint/suspicious/noExplicitAny: of whatever topic
type AnyBatchWorker = BatchWorkerDefinition<any>;

/** Heartbeats that come faster are one. */
const HEARTBEAT_MS = 500;

export function batchDeliveryHandler(worker: AnyBatchWorker, topics: Topics, dependencies: HandlerDependencies): UnitHandler {
  const { subscription } = worker;
  /** What the handler threw or said, and what of it came from the database that the batch is in. */
  const own = new WeakSet<object>();
  const outages = new WeakSet<object>();
  const single = deliveryHandler(handledAlone(worker), topics, dependencies);
  const onErrorAlone = single.onError?.bind(single);

  async function run(units: readonly Unit[], context: BatchUnitContext): Promise<ReadonlyMap<Unit, unknown>> {
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
      failed.set(unit, noteOwn(error));
    };
    try {
      const messages = [...unitOf.keys()];
      await traceBatch({ subscription, messages, signal: context.signal }, async () =>
        worker.handler(messages, batchContext(context, messages.length, fail)),
      );
    } catch (error) {
      throw noteOwn(error);
    }
    return failed;
  }

  function decode(unit: Unit, message: StoredMessage | undefined): BatchMessage {
    if (message === undefined) {
      throw new TidemarkError(
        'message_gone',
        `Message ${messageIdOf(unit)} of '${subscription}' is gone: somebody has removed it by hand.`,
      );
    }
    const topic = topics[message.topic];
    if (topic === undefined) {
      throw new InvalidInputError(
        `Message ${message.messageId} of '${subscription}' is of topic '${message.topic}', which this worker does not define.`,
      );
    }
    const { payload, ...rest } = message;
    return { ...rest, data: readData(worker, topic, payload), attempt: unit.attempt, idempotencyKey: unit.id };
  }

  function noteOwn(error: unknown): Error {
    const failure = error instanceof Error ? error : new Error(`The handler threw ${typeof error} '${String(error).slice(0, 200)}'.`);
    own.add(failure);
    return failure;
  }

  function batchContext(context: BatchUnitContext, messages: number, fail: BatchContext['fail']): BatchContext {
    let beatenAt = Number.NEGATIVE_INFINITY;
    const noticeOutage = (error: unknown): never => {
      if (classifyError(error) === 'infrastructure') {
        outages.add(error as object);
      }
      throw error;
    };
    const db: Queryable = { query: (text, values) => context.db.query(text, values).catch(noticeOutage) };
    return {
      db,
      fail,
      signal: context.signal,
      publish: (topic, payload, publishOptions) =>
        publishMessage(inSchema(db, dependencies.schema), topics, topic, payload, publishOptions),
      async once(tx, batch) {
        const { schema, query } = inSchema(tx, dependencies.schema);
        const { rows } = await query(
          `insert into ${schema}.processed (subscription, message_id) select $1::text, id from unnest($2::bigint[]) id order by id
           on conflict do nothing returning message_id`,
          [subscription, batch.map((message) => message.messageId)],
        );
        const first = new Set(rows.map((row) => String(row.message_id)));
        return batch.filter((message) => first.has(message.messageId));
      },
      async heartbeat() {
        context.signal.throwIfAborted();
        if (performance.now() - beatenAt >= HEARTBEAT_MS) {
          beatenAt = performance.now();
          await context.extend().catch(noticeOutage);
        }
      },
      logger: createLogger(dependencies.log, { subscription, messages }),
    };
  }

  return Object.assign(single, {
    batch: { max: worker.batch.max, run },
    onError(error: unknown, unit: Unit): ErrorVerdict | undefined {
      if (outages.has(error as object)) {
        return { outage: true };
      }
      if (own.has(error as object)) {
        const waitMs = retryInMs(error, unit.failures + 1, worker.retry);
        return waitMs === undefined ? { fatal: true } : { retryInMs: waitMs };
      }
      return onErrorAlone?.(error, unit);
    },
  });
}
