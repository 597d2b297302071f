/** Events of a log as the bytes of a stream. Each carries the sequence id at which whoever has read it resumes. */
import type { SequenceId } from '../event-log/event-log.ts';
import type { EntriesText } from '../event-log/query-text.ts';
import type { MarkedEntries } from './marked-entries.ts';

export const HEARTBEAT = Buffer.from(': heartbeat\n\n');
/** Before the first event. EventSource waits so long before it connects again. */
export const OPENING = Buffer.from('retry: 1000\n\n');

export function entriesEvent({ startSequenceId, endSequenceId, entries, provenance = '[]' }: EntriesText): Buffer {
  const ids = `"startSequenceId":"${startSequenceId}","nextSequenceId":"${endSequenceId}"`;
  return event('entries', endSequenceId, `{${ids},"entries":[${entries.join(',')}],"provenance":${provenance}}`);
}

/** @param fields of its metadata now; empty: it has none any more */
export function metadataEvent(position: SequenceId, sequenceId: SequenceId, fields: string): Buffer {
  return event('metadata', position, markText(sequenceId, fields));
}

export function markedEvent(position: SequenceId, { marks, isComplete }: MarkedEntries): Buffer {
  const entries = [...marks].filter(([id]) => id < position).map(([id, fields]) => markText(id, fields));
  return event('marked', position, `{"entries":[${entries.join(',')}],"isComplete":${isComplete}}`);
}

export function truncatedEvent(startSequenceId: SequenceId): Buffer {
  return event('truncated', startSequenceId, `{"startSequenceId":"${startSequenceId}"}`);
}

function markText(sequenceId: SequenceId, fields: string): string {
  return `{"sequenceId":"${sequenceId}"${fields === '' ? '' : `,${fields}`}}`;
}

/** Between the tokens of stored JSON there may be line ends, which a stream gives a meaning; inside of its strings there are none. */
function event(name: string, position: SequenceId, data: string): Buffer {
  return Buffer.from(`id: ${position}\nevent: ${name}\ndata: ${data.replaceAll(/[\r\n]+/g, ' ')}\n\n`);
}
