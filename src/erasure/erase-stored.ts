import { decodeEntry } from '../event-log/entry-data.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { Eraser } from '../event-log/log-type.ts';
import type { StoredEntry } from '../history/stored-entry.ts';

/** The text of an entry's data without the values; undefined where it has none of them, and keeps its text. */
export function eraseStored(eraser: Eraser, { type, data }: StoredEntry, sequenceId: SequenceId): string | undefined {
  const erased = eraser.eraseEntry(decodeEntry(sequenceId, 0, type, JSON.parse(data)));
  return erased && JSON.stringify(erased);
}
