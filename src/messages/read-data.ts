import { errorMessage, InvalidInputError } from '../errors.ts';
import type { AnyWorker } from './define-worker.ts';
import type { AnyTopic } from './topic.ts';

/**
 * What a worker gets of a message.
 * @param payload as it was kept: the value of its JSON, or bytes
 * @throws InvalidInputError where its topic, or for a binary one the worker, cannot read it
 */
export function readData({ subscription, parseMessage }: AnyWorker, topic: AnyTopic, payload: unknown): unknown {
  const data = topic.decode(payload);
  if (!topic.needsParser || parseMessage === undefined) {
    return data;
  }
  try {
    return parseMessage(data);
  } catch (cause) {
    throw new InvalidInputError(
      `'${subscription}' cannot read a message of the binary topic '${topic.name}' (${data.byteLength} bytes): ${errorMessage(cause)}`,
      { cause },
    );
  }
}
