/**
 * A worker of a subscription: what a message of its topic makes happen, and how it is delivered. What is wrong with a definition is refused when the
 * application is made, before anything runs.
 */

import type { RetryPolicy } from '../work/retry-policy.ts';
import type { IsUnread } from './binary.ts';
import { checkWorker } from './check-worker.ts';
import type { BatchContext, BatchMessage, Message, MessageContext } from './message.ts';
import type { DeliveredData, TopicName } from './register.ts';
import type { DataOf, Topics } from './topic.ts';

interface SubscriptionOptions<DataT, NameT extends string> {
  /** `[a-z0-9][a-z0-9._-]{0,99}`; names the group of its deliveries. */
  readonly subscription: string;
  readonly topic: NameT;
  /** Of a binary topic: what its bytes say. Bytes at which it throws are dead at once, and kept. */
  readonly parseMessage?: (bytes: Uint8Array) => DataT;
  /** At most so many run at once, over all processes. Of fewer than 8 each runs alone, never in a burst. Default: no limit of its own. */
  readonly maxMessages?: number;
  /** How long one attempt may go without an end or a heartbeat: then it has failed, and changes nothing any more. Default 10,000. */
  readonly ackDeadlineMs?: number;
  /** At most so many attempts begin per so many ms, over all processes: of a bucket that holds `messages` and fills evenly. Default: none. */
  readonly rateLimit?: { readonly messages: number; readonly perMs: number };
  /** When a failed attempt is followed by another. */
  readonly retry?: RetryPolicy;
  readonly deadLetter?: {
    /** Failed attempts before a message is dead. Default 5. */
    readonly maxDeliveryAttempts?: number;
    /** Where a dead message is published too, in the transaction of its death. It stays among the dead ones whether or not it is. */
    readonly topic?: string;
  };
  /** Messages with one ordering key run one after another, in the order of their commits. Default false. */
  readonly enableMessageOrdering?: boolean;
  /** What a dead message does to those behind it in its key: 'skip' (the default) lets them run, 'block' holds them until it is redriven or discarded. */
  readonly onPoison?: 'block' | 'skip';
  /** No attempt begins so long after it was published (or after `notBefore`): the delivery is expired. One that is redriven begins all the same. */
  readonly messageTtlMs?: number;
  /** Without a worker that knows it, and without a backlog, the subscription is removed after so long. */
  readonly expirationPolicy?: { readonly ttlMs: number };
}

export interface WorkerDefinition<DataT, NameT extends string = string> extends SubscriptionOptions<DataT, NameT> {
  readonly batch?: undefined;
  /** Runs at least once; what it writes through `db` takes effect once. An error that it throws is a failed attempt. */
  readonly handler: (message: Message<DataT>, context: MessageContext) => unknown;
}

export interface BatchOptions {
  /** Messages that the handler gets together at most: 1 to 1,000, and no more than `maxMessages`. */
  readonly max: number;
  /** How long a message waits for others where there are fewer. Default 100. */
  readonly waitMs?: number;
}

/** A worker that takes many messages at once, in one execution. Without order and without a rate. */
export interface BatchWorkerDefinition<DataT, NameT extends string = string> extends SubscriptionOptions<DataT, NameT> {
  readonly batch: BatchOptions;
  readonly enableMessageOrdering?: false;
  readonly rateLimit?: undefined;
  /**
   * Runs at least once; what it writes through `db` takes effect once for each message that it does not `fail`. What it throws fails none of them:
   * all go on alone, in arrays of one, where an error is a failed attempt of that message. `ackDeadlineMs` is the batch's.
   */
  readonly handler: (messages: BatchMessage<DataT>[], context: BatchContext) => unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever topic
export type AnyWorker = WorkerDefinition<any> | BatchWorkerDefinition<any>;

/** A worker of a binary topic: nobody else knows how to read its messages. */
export type BinaryWorkerDefinition<DataT, NameT extends string = string> = WorkerDefinition<DataT, NameT> &
  Required<Pick<WorkerDefinition<DataT>, 'parseMessage'>>;

/** A worker of a registered topic: see Register. Of a binary topic with what its `parseMessage` returns: `TypedWorker<'raw', Reading>`. */
export type TypedWorker<NameT extends TopicName, DataT = WorkerData<DeliveredData<NameT>>> =
  IsUnread<DeliveredData<NameT>> extends true ? BinaryWorkerDefinition<DataT, NameT> : WorkerDefinition<DeliveredData<NameT>, NameT>;

type WorkerData<DataT> = IsUnread<DataT> extends true ? Uint8Array : DataT;

type BinaryTopicName<TopicsT extends Topics> = {
  [NameT in keyof TopicsT & string]: IsUnread<DataOf<TopicsT[NameT]>> extends true ? NameT : never;
}[keyof TopicsT & string];

export const DEFAULT_ACK_DEADLINE_MS = 10_000;
export const DEFAULT_MAX_DELIVERY_ATTEMPTS = 5;
export const DEFAULT_BATCH_WAIT_MS = 100;

/**
 * @example defineWorker(topics, { topic: 'order-placed', subscription: 'order-placed-mail', handler: async ({ data }) => { … } });
 * @throws InvalidInputError
 */
export function defineWorker<TopicsT extends Topics, NameT extends BinaryTopicName<TopicsT>, DataT>(
  topics: TopicsT,
  worker: BinaryWorkerDefinition<DataT, NameT>,
): BinaryWorkerDefinition<DataT, NameT>;
export function defineWorker<TopicsT extends Topics, NameT extends Exclude<keyof TopicsT & string, BinaryTopicName<TopicsT>>>(
  topics: TopicsT,
  worker: WorkerDefinition<DataOf<TopicsT[NameT]>, NameT>,
): WorkerDefinition<DataOf<TopicsT[NameT]>, NameT>;
export function defineWorker<TopicsT extends Topics, NameT extends keyof TopicsT & string>(
  topics: TopicsT,
  worker: BatchWorkerDefinition<DataOf<TopicsT[NameT]>, NameT>,
): BatchWorkerDefinition<DataOf<TopicsT[NameT]>, NameT>;
export function defineWorker(topics: Topics, worker: AnyWorker): AnyWorker {
  checkWorker(worker, topics);
  return worker;
}
