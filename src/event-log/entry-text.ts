/** An entry as JSON, put together of text that is JSON already. */
import { decodeEntry, metadataIn } from './entry-data.ts';
import type { LogMetadata, SequenceId } from './event-log.ts';

const heads = new Map<string, string>();
const MAX_HEADS = 10_000;

/** `{"type":"…"`: there are few types. */
function headOf(type: string): string {
  let head = heads.get(type);
  if (head === undefined) {
    if (heads.size >= MAX_HEADS) {
      heads.clear();
    }
    head = `{"type":${JSON.stringify(type)}`;
    heads.set(type, head);
  }
  return head;
}

/** A field that may be one of ours, however it is written: then the entry is put together as for everybody else. */
const MAY_BE_OURS = /"(?:type|snapshot|history|pending)"|\\u/;

/**
 * `{ type, …data, …metadata }`
 * @param data text of a JSON object. @throws TidemarkError `corrupt_entry` where it is none, naming `start + index`
 */
export function entryText(start: SequenceId, index: number, type: string, data: string, metadata: LogMetadata | undefined): string {
  if (!data.startsWith('{"') || !data.endsWith('}') || MAY_BE_OURS.test(data)) {
    return JSON.stringify(decodeEntry(start, index, type, JSON.parse(data), metadata));
  }
  return metadata === undefined || metadataIn(metadata) === undefined
    ? `${headOf(type)},${data.slice(1)}`
    : `${headOf(type)},${data.slice(1, -1)},${JSON.stringify(metadata).slice(1)}`;
}
