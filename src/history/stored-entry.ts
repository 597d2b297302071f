/**
 * Entries whole, as a log stores them and as an archive keeps them: the text of their data, and who wrote them when and why.
 *
 * Data are not parsed on the way into the archive, so numbers, key order and everything else come out as they went in.
 */
import type { EventLog, LogEntry, LogMetadata, SequenceId } from '../event-log/event-log.ts';

export interface StoredEntry {
  type: string;
  /** A JSON object: all fields but type and metadata. */
  data: string;
  /** ISO 8601 in UTC, with microseconds; absent where the log does not know. */
  committedAt?: string | undefined;
  actor?: string | undefined;
  correlationId?: string | undefined;
  causationId?: string | undefined;
  snapshot?: string | undefined;
  history?: string | undefined;
}

/**
 * Some entries from `from` on and before `to`, at least one, no more than fit in memory.
 * @throws SequenceRangeError where `from` was truncated away
 */
export type ReadStoredEntries = (from: SequenceId, to: SequenceId) => Promise<StoredEntry[]>;

/** What any log gives of its entries: all but who wrote them, when and why. */
export function storedEntriesOf<T extends LogEntry>(log: Pick<EventLog<T>, 'query'>): ReadStoredEntries {
  return async (from, to) => {
    const { entries } = await log.query(from, to);
    return entries.map((entry) => {
      const { type, snapshot, history, pending: _, ...fields } = entry as LogEntry & LogMetadata;
      return { type, data: JSON.stringify(fields), snapshot, history };
    });
  };
}
