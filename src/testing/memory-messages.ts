/**
 * Messages of a memory application: as on Postgres, but that a failed attempt is followed by the next one at once, and that what a handler writes elsewhere
 * has no transaction. What it publishes is published when it has ended. Workers that take batches get arrays of one.
 */
import { deadlineSignal } from '../deadline-signal.ts';
import { mergeProvenance, type Provenance } from '../event-log/provenance.ts';
import { type AnyWorker, DEFAULT_ACK_DEADLINE_MS, DEFAULT_MAX_DELIVERY_ATTEMPTS } from '../messages/define-worker.ts';
import { handledAlone } from '../messages/handled-alone.ts';
import type { Message, MessageContext } from '../messages/message.ts';
import { encodeMessage, type Publisher, type PublishOptions, type PublishValue } from '../messages/publish.ts';
import { readData } from '../messages/read-data.ts';
import type { AnyTopic } from '../messages/topic.ts';
import { rememberPublisher } from '../messages/trigger-typed-event.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Registry } from '../registry.ts';
import { unitError } from '../work/classify-error.ts';
import { retryInMs } from '../work/retry-policy.ts';
import type { MemoryUnit } from './memory-work.ts';
import { orAborted } from './or-aborted.ts';

export interface MemoryMessagesOptions {
  registry: Registry;
  db: Queryable;
  defaults: Provenance;
  add(unit: MemoryUnit): void;
}

/** As it was published. */
interface KeptMessage {
  rest: Omit<Message, 'data'>;
  topic: AnyTopic;
  encoded: string | Uint8Array;
  options: PublishOptions;
}

export function createMemoryMessages({ registry, db, defaults, add }: MemoryMessagesOptions): Publisher['publish'] {
  const byDedupeKey = new Map<string, string>();
  /** `<subscription>/<message id>` that `once` has seen. */
  const processed = new Set<string>();
  /** Keys that a dead message blocks. */
  const blocked = new Set<string>();
  let lastId = 0;

  async function publish(topicName: string, payload: unknown, options: PublishOptions = {}): Promise<PublishValue> {
    const encoded = encodeMessage(registry.topics, topicName, payload, options);
    const key = options.dedupeKey && `${topicName} ${options.dedupeKey}`;
    const known = key && byDedupeKey.get(key);
    if (known) {
      return { messageId: known, deliveries: 0, isDuplicate: true };
    }
    const messageId = String(++lastId);
    if (key) {
      byDedupeKey.set(key, messageId);
    }
    const { actor, correlationId, causationId } = mergeProvenance(options, defaults);
    const rest = {
      messageId,
      topic: topicName,
      publishedAt: new Date(),
      attributes: { ...options.attributes },
      ...(options.orderingKey === undefined ? {} : { orderingKey: options.orderingKey }),
      ...(actor === undefined ? {} : { actor }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
    };
    const kept = { rest, topic: registry.topics[topicName] as AnyTopic, encoded, options };
    const workers = [...registry.workers.values()].filter(({ topic }) => topic === topicName);
    for (const worker of workers) {
      add(unitOf(worker, kept));
    }
    return { messageId, deliveries: workers.length, isDuplicate: false };
  }

  function unitOf(worker: AnyWorker, message: KeptMessage): MemoryUnit {
    const { actor, correlationId, causationId } = message.rest;
    return {
      id: `delivery/${worker.subscription}/${message.rest.messageId}`,
      workflow: 'delivery',
      state: 'ready',
      attempt: 0,
      group: worker.subscription,
      progress: null,
      result: null,
      notBefore: message.options.notBefore?.getTime(),
      carryOut: (unit, signal) => deliver(unit, worker, message, signal),
      ...(actor === undefined ? {} : { actor }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
    };
  }

  async function deliver(unit: MemoryUnit, worker: AnyWorker, message: KeptMessage, signal: AbortSignal): Promise<void> {
    const { maxDeliveryAttempts = DEFAULT_MAX_DELIVERY_ATTEMPTS, topic: deadLetterTopic } = worker.deadLetter ?? {};
    const key = worker.enableMessageOrdering && message.rest.orderingKey && `${worker.subscription}/${message.rest.orderingKey}`;
    if (key && blocked.has(key)) {
      unit.state = 'waiting';
      return;
    }
    if (expiresAt(worker, message) <= Date.now()) {
      unit.state = 'expired';
      return;
    }
    unit.state = 'started';
    for (;;) {
      unit.attempt += 1;
      try {
        await attempt(unit, worker, message, signal);
        unit.state = 'done';
        delete unit.error;
        return;
      } catch (error) {
        signal.throwIfAborted();
        unit.error = unitError(error);
        const isUnreadable = error instanceof UnreadableMessage;
        if (isUnreadable || unit.attempt >= maxDeliveryAttempts || retryInMs(error, unit.attempt, worker.retry) === undefined) {
          break;
        }
      }
    }
    unit.state = 'dead';
    if (key && worker.onPoison === 'block') {
      blocked.add(key);
    }
    if (deadLetterTopic !== undefined) {
      await publishDeadLetter(unit, deadLetterTopic, message);
    }
  }

  async function attempt(unit: MemoryUnit, worker: AnyWorker, { rest, topic, encoded }: KeptMessage, signal: AbortSignal): Promise<void> {
    let data: unknown;
    try {
      data = readData(worker, topic, typeof encoded === 'string' ? JSON.parse(encoded) : encoded);
    } catch (cause) {
      throw new UnreadableMessage((cause as Error).message, { cause });
    }
    const { ackDeadlineMs = DEFAULT_ACK_DEADLINE_MS } = worker;
    const published: (() => Promise<PublishValue>)[] = [];
    const once = `${worker.subscription}/${rest.messageId}`;
    let isOnce = false;
    const ownDb: Queryable = { query: (text, values) => db.query(text, values) };
    const publishLater = async (topicName: string, payload: unknown, options: PublishOptions = {}) => {
      encodeMessage(registry.topics, topicName, payload, options);
      const { actor, correlationId } = rest;
      published.push(() => publish(topicName, payload, { actor, correlationId, causationId: unit.id, ...options }));
      return { messageId: '', deliveries: 0, isDuplicate: false };
    };
    const attemptSignal = deadlineSignal(ackDeadlineMs, signal);
    const context: MessageContext = {
      db: ownDb,
      publish: publishLater,
      signal: attemptSignal,
      attempt: unit.attempt,
      idempotencyKey: unit.id,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      async heartbeat() {
        attemptSignal.throwIfAborted();
      },
      async once() {
        const isFirst = !processed.has(once) && !isOnce;
        isOnce = true;
        return isFirst;
      },
    };
    rememberPublisher(ownDb, context.publish);
    await orAborted(Promise.resolve(handledAlone(worker).handler({ ...rest, data }, context)), attemptSignal);
    if (isOnce) {
      processed.add(once);
    }
    for (const publishNow of published) {
      await publishNow();
    }
  }

  async function publishDeadLetter(unit: MemoryUnit, topic: string, { rest, encoded }: KeptMessage): Promise<void> {
    const attributes = {
      ...rest.attributes,
      deadLetterSubscription: unit.group,
      deadLetterTopic: rest.topic,
      deadLetterMessageId: rest.messageId,
      deadLetterAttempts: String(unit.attempt),
    };
    // As it was published, whatever the dead letter topic makes of it.
    const kept = {
      rest: { ...rest, messageId: String(++lastId), topic, publishedAt: new Date(), attributes, causationId: unit.id },
      encoded,
    };
    for (const worker of registry.workers.values()) {
      if (worker.topic === topic) {
        add(unitOf(worker, { ...kept, topic: registry.topics[topic] as AnyTopic, options: {} }));
      }
    }
  }

  return publish as Publisher['publish'];
}

class UnreadableMessage extends Error {
  override readonly name = 'UnreadableMessage';
  readonly code = 'invalid_input';
}

function expiresAt({ messageTtlMs }: AnyWorker, { rest, options }: KeptMessage): number {
  const from = Math.max(rest.publishedAt.getTime(), options.notBefore?.getTime() ?? 0);
  return from + Math.min(messageTtlMs ?? Number.POSITIVE_INFINITY, options.messageTtlMs ?? Number.POSITIVE_INFINITY);
}
