/** The entries of a log in order, page by page; the next page is asked for while the caller works on this one. */
import type { EventLog, LogEntry, QueryValue, SequenceId } from '../event-log/event-log.ts';

export interface EntryPage<T> {
  /** Sequence id of the first of `entries`, of which there is at least one. */
  start: SequenceId;
  entries: T[];
}

/**
 * @param to exclusive; 'end': as far as the log goes by then
 * @param first the page from `from` on, where the caller has it already
 * @throws SequenceRangeError when the log was truncated past what was read, or ends before `to`
 */
export async function* readEntries<T extends LogEntry>(
  log: EventLog<T>,
  from: SequenceId,
  to: SequenceId | 'end',
  first?: QueryValue<T>,
  signal?: AbortSignal,
): AsyncGenerator<EntryPage<T>, void, undefined> {
  let position = from;
  let asked = first === undefined ? undefined : Promise.resolve(first);
  while (position !== to) {
    signal?.throwIfAborted();
    const { entries, isComplete } = await (asked ?? log.query(position, to));
    const end = position + BigInt(entries.length);
    const isLast = to === 'end' ? isComplete : end >= to;
    asked = undefined;
    if (entries.length === 0 && !isLast && to !== 'end') {
      await log.query(to, to); // throws the SequenceRangeError with the log's own bounds
    } else if (!isLast) {
      asked = log.query(end, to);
      asked.catch(() => {}); // awaited above; a caller that stops here has its own error
    }
    if (entries.length > 0) {
      yield { start: position, entries };
    }
    if (isLast) {
      return;
    }
    position = end;
  }
}
