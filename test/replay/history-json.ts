/** Histories from JSON: the SDK's own conversion fails where npm has installed several copies of protobufjs. */
import type { History } from '@temporalio/common/lib/proto-utils.js';

/** Bytes are `{ "$bytes": base64 }`, long integers their two halves, enumerations numbers. */
export function parseHistory(text: string): History {
  const events = JSON.parse(text, (_, value) => (typeof value?.$bytes === 'string' ? Buffer.from(value.$bytes, 'base64') : value));
  return { events };
}
