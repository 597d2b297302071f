/** Topics of bytes that somebody else makes: their workers say how to read them. */
import { InvalidInputError } from '../errors.ts';
import type { MessageType } from './topic.ts';

declare const unread: unique symbol;

/** The bytes of a message that its topic does not read: a worker of it has `parseMessage`. */
export type UnreadBytes = Uint8Array & { readonly [unread]: true };

/** Of any type other than `any`. */
export type IsUnread<DataT> = 0 extends 1 & DataT ? false : [DataT] extends [UnreadBytes] ? true : false;

/** @example const topics = defineTopics({ 'thumbnail-requested': binary() }); */
export function binary(): MessageType<Uint8Array, UnreadBytes> {
  return UNREAD;
}

const UNREAD: MessageType<Uint8Array, UnreadBytes> = {
  encoding: 'binary',
  needsParser: true,
  encode(payload) {
    if (!(payload instanceof Uint8Array)) {
      throw new InvalidInputError(`A message of a binary topic is ${typeof payload}, not bytes. Publish a Uint8Array.`);
    }
    return payload;
  },
  decode(stored) {
    if (!(stored instanceof Uint8Array)) {
      throw new InvalidInputError('A message of a binary topic was kept as JSON, not as bytes; did its topic have another type?');
    }
    return stored as UnreadBytes;
  },
};
