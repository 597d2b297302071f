import { InvalidInputError, TidemarkError } from '../errors.ts';
import type { AnyWorker } from './define-worker.ts';
import type { Message } from './message.ts';
import { readData } from './read-data.ts';
import type { StoredMessage } from './read-message.ts';
import type { Topics } from './topic.ts';

/** A stored message as its worker gets it. @throws TidemarkError 'message_gone'; InvalidInputError where nobody here can read it */
export function openMessage(worker: AnyWorker, topics: Topics, messageId: string, stored: StoredMessage | undefined): Message {
  const { subscription } = worker;
  if (stored === undefined) {
    throw new TidemarkError('message_gone', `Message ${messageId} of '${subscription}' is gone: somebody has removed it by hand.`);
  }
  const { message, payload } = stored;
  const topic = topics[message.topic];
  if (topic === undefined) {
    throw new InvalidInputError(
      `Message ${messageId} of '${subscription}' is of topic '${message.topic}', which this worker does not define.`,
    );
  }
  // What was read is for this attempt alone.
  return Object.assign(message, { data: readData(worker, topic, payload) });
}
