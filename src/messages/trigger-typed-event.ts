/** `publish` in the transaction that it is given, for code that hands transactions on and nothing else. */
import { InvalidInputError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Publisher, PublishOptions, PublishValue } from './publish.ts';
import type { PublishedData, TopicName } from './register.ts';

/** The published data of every registered topic, by its name: `PubSubSchema['order-placed']`. */
export type PubSubSchema = { [NameT in TopicName]: PublishedData<NameT> };

const publisherOf = new WeakMap<Queryable, Publisher['publish']>();

/** From now on what is triggered in `tx` is published by `publish`. */
export function rememberPublisher(tx: Queryable, publish: Publisher['publish']): void {
  publisherOf.set(tx, publish);
}

/**
 * @param tx a transaction of `tidemark.transaction` or one that `tidemark.in` has joined, what they return, or a handler's `db`
 * @example await tidemark.transaction(({ tx }) => triggerTypedEvent(tx, 'order-placed', { orderId }));
 * @throws InvalidInputError for any other `tx`, or a payload that is not of the topic: nothing was written
 */
export async function triggerTypedEvent<NameT extends TopicName>(
  tx: Queryable | Pick<Publisher, 'publish'>,
  topic: NameT,
  data: PubSubSchema[NameT],
  options?: PublishOptions,
): Promise<PublishValue> {
  const publish = 'publish' in tx ? tx.publish : publisherOf.get(tx);
  if (publish === undefined) {
    throw new InvalidInputError(
      'triggerTypedEvent was given a transaction that Tidemark does not know. Begin it with tidemark.transaction, or join it with tidemark.in(tx).',
    );
  }
  return publish(topic, data, options);
}
