/**
 * Publishes: a message and its deliveries, in the transaction of whoever publishes. What is wrong with a payload is refused before anything is
 * written, so the transaction goes on after it.
 */
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { InvalidInputError } from '../errors.ts';
import type { Provenance } from '../event-log/provenance.ts';
import type { Database } from '../postgres/queryable.ts';
import { countPublished } from './published-counts.ts';
import type { RegisteredTopics } from './register.ts';
import type { PayloadOf, Topics } from './topic.ts';
import { tracePublish } from './tracing.ts';

export interface PublishOptions extends Provenance {
  /** Of subscriptions with `enableMessageOrdering`: messages of one key are delivered one after another. At most 500 characters. */
  orderingKey?: string | undefined;
  /** Published again to the topic under the same key within 7 days, it is the same message. At most 500 characters. */
  dedupeKey?: string | undefined;
  /** Not delivered before. */
  notBefore?: Date | undefined;
  /** No attempt begins so long after now (after `notBefore`, where that is later). At most 366 days. */
  messageTtlMs?: number | undefined;
  /** Text by name, beside the payload. */
  attributes?: Readonly<Record<string, string>> | undefined;
}

export interface PublishValue {
  messageId: string;
  /** To how many subscriptions it goes. */
  deliveries: number;
  /** It had been published under its `dedupeKey` before: this is that message, and nothing was written. */
  isDuplicate: boolean;
}

export interface Publisher<TopicsT extends Topics = RegisteredTopics> {
  /**
   * Publishes a message.
   * @throws InvalidInputError for a payload that is not of the topic: nothing was written
   */
  publish<NameT extends keyof TopicsT & string>(
    topic: NameT,
    payload: PayloadOf<TopicsT[NameT]>,
    options?: PublishOptions,
  ): Promise<PublishValue>;
}

const MAX_TEXT = 500;
const MAX_TTL_MS = 366 * 86_400_000;
const MAX_BYTES = 1024 * 1024;

/** Where a handler publishes: the context of the message that it handles. */
export interface PublishInContext extends PublishOptions {
  traceparent?: string | undefined;
}

/** @throws InvalidInputError for an unknown topic, a payload that is not of it (naming where) or over 1 MB, or an option that cannot be used */
export function publishMessage(
  db: Database,
  topics: Topics,
  topicName: string,
  payload: unknown,
  options: PublishInContext = {},
): Promise<PublishValue> {
  const { orderingKey, traceparent } = options;
  return tracePublish({ topic: topicName, orderingKey, traceparent }, (ownTraceparent) =>
    writeMessage(db, topics, topicName, payload, options, ownTraceparent),
  );
}

async function writeMessage(
  db: Database,
  topics: Topics,
  topicName: string,
  payload: unknown,
  options: PublishOptions,
  traceparent: string | undefined,
): Promise<PublishValue> {
  const encoded = encodeMessage(topics, topicName, payload, options);
  const { orderingKey, dedupeKey, notBefore, messageTtlMs, attributes, actor, correlationId, causationId } = options;
  const { rows } = await db.prepared(
    `select message_id, deliveries, is_new from ${db.schema}.publish_message($1::text, $2::json, $3::bytea, $4::json, $5::text, $6::text,
       $7::timestamptz, $8::bigint * interval '1 millisecond', $9::text, $10::text, $11::text, $12::text)`,
    [
      topicName,
      typeof encoded === 'string' ? encoded : null,
      typeof encoded === 'string' ? null : Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength),
      attributes === undefined ? null : JSON.stringify(attributes),
      orderingKey ?? null,
      dedupeKey ?? null,
      notBefore ?? null,
      messageTtlMs ?? null,
      actor ?? null,
      correlationId ?? null,
      causationId ?? null,
      traceparent ?? null,
    ],
  );
  const { message_id, deliveries, is_new } = rows[0];
  if (is_new) {
    countPublished(topicName);
  }
  return { messageId: String(message_id), deliveries, isDuplicate: !is_new };
}

/** @returns the payload as it is kept. @throws InvalidInputError as `publishMessage` says */
export function encodeMessage(topics: Topics, topicName: string, payload: unknown, options: PublishOptions): string | Uint8Array {
  const topic = topics[topicName];
  if (topic === undefined) {
    const known = Object.keys(topics).join(', ') || 'there are none';
    throw new InvalidInputError(`Topic '${String(topicName).slice(0, 120)}' is not defined (${known}). Add it to defineTopics.`);
  }
  checkOptions(options);
  const encoded = topic.encode(payload);
  const bytes = typeof encoded === 'string' ? Buffer.byteLength(encoded) : encoded.byteLength;
  if (bytes > MAX_BYTES) {
    throw new InvalidInputError(
      `A message of topic '${topicName}' is ${bytes} bytes; the limit is ${MAX_BYTES}. Write it to a blob and publish its id.`,
    );
  }
  return encoded;
}

const OPTIONS = {
  ...{ orderingKey: true, dedupeKey: true, notBefore: true, messageTtlMs: true, attributes: true },
  ...{ actor: true, correlationId: true, causationId: true },
} as const satisfies OptionNames<PublishOptions>;
/** `traceparent`: of the context that a handler publishes in. */
const OPTIONS_IN_CONTEXT = { ...OPTIONS, traceparent: true } as const satisfies OptionNames<PublishInContext>;

function checkOptions(options: PublishOptions): void {
  checkOptionNames('publish', options, 'traceparent' in options ? OPTIONS_IN_CONTEXT : OPTIONS);
  const { orderingKey, dedupeKey, notBefore, messageTtlMs, attributes, actor, correlationId, causationId } = options;
  for (const [name, value] of Object.entries({ orderingKey, dedupeKey, actor, correlationId, causationId })) {
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > MAX_TEXT || value.includes('\0'))) {
      throw new InvalidInputError(`${name} '${String(value).slice(0, 60)}' cannot be used: give 1 to ${MAX_TEXT} characters, without NUL.`);
    }
  }
  if (notBefore !== undefined && (!(notBefore instanceof Date) || Number.isNaN(notBefore.getTime()))) {
    throw new InvalidInputError(`notBefore '${String(notBefore)}' is no date. Give a Date.`);
  }
  if (messageTtlMs !== undefined && !(Number.isInteger(messageTtlMs) && messageTtlMs >= 1 && messageTtlMs <= MAX_TTL_MS)) {
    throw new InvalidInputError(
      `messageTtlMs ${messageTtlMs} cannot be used: give a whole number of milliseconds from 1 to ${MAX_TTL_MS}.`,
    );
  }
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value !== 'string' || `${name}${value}`.includes('\0')) {
      throw new InvalidInputError(`Attribute '${name.slice(0, 60)}' cannot be used: attributes are text, without NUL.`);
    }
  }
}
