/** Histories as JSON and back: the SDK's own conversion fails where npm has installed several copies of protobufjs. */
import type { History } from '@temporalio/common/lib/proto-utils.js';

/** One event a line. Bytes become `{ "$bytes": base64 }`, long integers their two halves; enumerations stay numbers. */
export function stringifyHistory(history: History): string {
  const lines = (history.events ?? []).map((event) => JSON.stringify(event, (_, value) => (isBytes(value) ? textOf(value) : value)));
  return `[\n${lines.join(',\n')}\n]\n`;
}

export function parseHistory(text: string): History {
  const events = JSON.parse(text, (_, value) => (typeof value?.$bytes === 'string' ? Buffer.from(value.$bytes, 'base64') : value));
  return { events };
}

/** JSON.stringify has called Buffer's own toJSON before it asks. */
type SerializedBuffer = { type: 'Buffer'; data: number[] };

const isBytes = (value: unknown): value is Uint8Array | SerializedBuffer =>
  value instanceof Uint8Array ||
  (typeof value === 'object' && value !== null && (value as SerializedBuffer).type === 'Buffer' && 'data' in value);
const textOf = (value: Uint8Array | SerializedBuffer) => ({
  $bytes: (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(value.data)).toString('base64'),
});
