import type { Message } from '../api-types.ts';
import { CodeBlock } from '../code-block.tsx';
import { formatBytes, formatJson } from '../format.ts';

/** What a message holds: as JSON, or its bytes as base64. */
export function Payload({ message: { data, dataBase64, bytes, messageId } }: { message: Message }) {
  const label = `Message ${messageId}`;
  if (dataBase64 !== undefined) return <CodeBlock text={dataBase64} label={`${label}, base64`} />;
  if (data === undefined) return <p className="muted">{formatBytes(bytes)}: on the page of its delivery.</p>;
  return <CodeBlock text={formatJson(data)} label={label} />;
}
