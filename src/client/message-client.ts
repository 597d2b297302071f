/** Messages over HTTP: publish, what there is to publish to, and what a person looks at and decides about. */
import type { DeadLetterBody, DeadLetterDetails, DeadLetterSelection, PublishedBody, SubscriptionBody, TopicBody } from './api-types.ts';
import type { RequestOptions, Transport } from './transport.ts';

type Signal = Pick<RequestOptions, 'signal'>;

export interface ClientPublishOptions {
  /** Subscriptions that keep order deliver messages of one key one after another. */
  orderingKey?: string | undefined;
  /** Published again under it within 7 days, it is the same message. Default: a fresh one, so that a try whose answer was lost may be repeated. */
  idempotencyKey?: string | undefined;
  /** Not delivered before. */
  notBefore?: Date | undefined;
  /** What has not begun by then is not delivered any more. */
  messageTtlMs?: number | undefined;
  /** Text by name, beside the data. */
  attributes?: Readonly<Record<string, string>> | undefined;
  correlationId?: string | undefined;
  causationId?: string | undefined;
  signal?: AbortSignal | undefined;
}

type Decided = DeadLetterSelection & { ids?: readonly string[]; correlationId?: string };

export interface MessageClient {
  /**
   * Publishes a message: it and its deliveries are committed when this resolves.
   * @param data JSON, or the bytes of a topic whose messages are bytes
   * @throws InvalidInputError naming where the data is not the topic's; TopicNotFoundError; IdempotencyKeyReusedError
   */
  publish(topic: string, data: unknown, options?: ClientPublishOptions): Promise<PublishedBody>;
  readonly topics: { list(options?: Signal): Promise<{ topics: TopicBody[] }> };
  readonly subscriptions: {
    list(options?: Signal): Promise<{ subscriptions: SubscriptionBody[] }>;
    /** Its messages wait. Twice is as once. */
    pause(subscription: string): Promise<{ subscription: string; paused: boolean }>;
    resume(subscription: string): Promise<{ subscription: string; paused: boolean }>;
  };
  readonly deadLetters: {
    /** Newest first. `next` is there where there are more: give it as `after`. */
    list(
      options?: DeadLetterSelection & { limit?: number; after?: string } & Signal,
    ): Promise<{ deadLetters: DeadLetterBody[]; next?: string | undefined }>;
    get(workId: string, options?: Signal): Promise<DeadLetterDetails>;
    /** Delivers them again. @returns how many */
    redrive(selection: Decided & { ratePerSecond?: number }): Promise<{ units: number }>;
    /** Gives them up. @returns how many */
    discard(selection: Decided): Promise<{ units: number }>;
  };
}

export function createMessageClient(transport: Transport): MessageClient {
  const setPaused = (subscription: string, verb: 'pause' | 'resume') =>
    transport.json<{ subscription: string; paused: boolean }>('POST', `subscriptions/${encodeURIComponent(subscription)}/${verb}`, {
      isRepeatable: true,
      subject: { name: subscription },
    });
  return {
    publish(topic, data, { idempotencyKey = globalThis.crypto.randomUUID(), signal, ...options } = {}) {
      return transport.json('POST', `topics/${encodeURIComponent(topic)}/messages`, {
        body: { ...(data instanceof Uint8Array ? { dataBase64: base64(data) } : { data }), ...options },
        headers: { 'idempotency-key': idempotencyKey },
        isRepeatable: true,
        subject: { name: topic, key: idempotencyKey },
        signal,
      });
    },
    topics: { list: ({ signal } = {}) => transport.json('GET', 'topics', { signal }) },
    subscriptions: {
      list: ({ signal } = {}) => transport.json('GET', 'subscriptions', { signal }),
      pause: (subscription) => setPaused(subscription, 'pause'),
      resume: (subscription) => setPaused(subscription, 'resume'),
    },
    deadLetters: {
      list: ({ signal, ...query } = {}) => transport.json('GET', 'dead-letters', { query: query as RequestOptions['query'], signal }),
      get: (workId, { signal } = {}) => transport.json('GET', `dead-letters/${encodeURIComponent(workId)}`, { signal }),
      redrive: (selection) => transport.json('POST', 'dead-letters/redrive', { body: selection }),
      discard: (selection) => transport.json('POST', 'dead-letters/discard', { body: selection }),
    },
  };
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
