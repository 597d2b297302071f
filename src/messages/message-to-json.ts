import { errorMessage, InvalidInputError } from '../errors.ts';

/**
 * The value of JSON in a message's bytes: for a worker of a binary topic, as `parseMessage: messageToJson`. Not checked against anything.
 * @param message bytes, or a message that has them as its data. What is no bytes any more is returned as it is.
 * @throws InvalidInputError where they hold no JSON
 */
export function messageToJson<T = unknown>(message: Uint8Array | { data: unknown }): T {
  const data = message instanceof Uint8Array ? message : message.data;
  if (!(data instanceof Uint8Array)) {
    return data as T;
  }
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')) as T;
  } catch (cause) {
    throw new InvalidInputError(`A message of ${data.byteLength} bytes is not JSON: ${errorMessage(cause)}`, { cause });
  }
}
