/** A message as its worker gets it, and what it can do while it has it. */
import type { Queryable } from '../postgres/queryable.ts';
import type { Publisher } from './publish.ts';

export interface Message<DataT = unknown> {
  /** As the topic's type reads it. */
  data: DataT;
  /** A decimal string; the same for every subscription and every attempt. */
  messageId: string;
  topic: string;
  publishedAt: Date;
  attributes: Readonly<Record<string, string>>;
  orderingKey?: string;
  /** Who published it, as far as they said. */
  actor?: string;
  correlationId?: string;
  causationId?: string;
  /** Of whoever published it (W3C Trace Context), where OpenTelemetry traces it. */
  traceparent?: string;
}

export interface MessageContext {
  /** Statements here commit together with the end of the delivery, or not at all: effects on this database happen once. */
  readonly db: Queryable;
  /** Publishes in the same transaction as `db`. */
  readonly publish: Publisher['publish'];
  /**
   * For an effect in a transaction of the handler's own: true the first time, false where it was committed before.
   * @param tx the transaction that the effect is in
   */
  once(tx: Queryable): Promise<boolean>;
  /** Aborted at the deadline, on shutdown, or when another attempt has taken over. */
  readonly signal: AbortSignal;
  /** Still at it: the deadline counts from here. @throws FencedError when another attempt has taken over */
  heartbeat(): Promise<void>;
  readonly logger: MessageLogger;
  /**
   * Which delivery of this message to this subscription it is, from 1, however the ones before it ended: with an error, at their deadline, or with their worker.
   * A redrive begins anew at 1, with all of `maxDeliveryAttempts`: 1 does not say that nothing was tried before, `once` and `idempotencyKey` do.
   */
  readonly attempt: number;
  /** The same for every attempt, and after a redrive: for services that take one. */
  readonly idempotencyKey: string;
}

/** One of those that a worker with `batch` gets together. */
export interface BatchMessage<DataT = unknown> extends Message<DataT> {
  /** Which delivery of this message to this subscription it is, from 1; anew after a redrive. */
  attempt: number;
  /** The same for every attempt, and after a redrive: for services that take one. */
  idempotencyKey: string;
}

export interface BatchContext {
  /** Statements here commit together with the ends of the messages that did not fail, or not at all. */
  readonly db: Queryable;
  /** Publishes in the same transaction as `db`. */
  readonly publish: Publisher['publish'];
  /** This message has failed, the others have not: it is tried again alone, or is dead, as its options say. */
  fail(message: BatchMessage, error: unknown): void;
  /**
   * For effects in a transaction of the handler's own: those of the messages whose effect was not committed before.
   * @param tx the transaction that the effects are in
   */
  once<DataT>(tx: Queryable, messages: readonly BatchMessage<DataT>[]): Promise<BatchMessage<DataT>[]>;
  /** Aborted at the deadline of the batch, or on shutdown. */
  readonly signal: AbortSignal;
  /** Still at it: the deadline counts from here. @throws FencedError when another attempt has taken over */
  heartbeat(): Promise<void>;
  /** Every line holds subscription and messages: how many. */
  readonly logger: MessageLogger;
}

/** Every line holds messageId, subscription and attempt. */
export interface MessageLogger {
  debug(text: string, fields?: Record<string, unknown>): void;
  info(text: string, fields?: Record<string, unknown>): void;
  warn(text: string, fields?: Record<string, unknown>): void;
  error(text: string, fields?: Record<string, unknown>): void;
}
