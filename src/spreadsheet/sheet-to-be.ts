import type { LogMetadata } from '../event-log/event-log.ts';
import type { LogHandle } from '../event-log/log-handle.ts';
import type { Provenance } from '../event-log/provenance.ts';
import type { SheetEntry } from './entries.ts';
import type { SheetLog } from './open-sheet.ts';
import type { SheetState } from './sheet-state.ts';

/**
 * The log of a sheet that is made with its first entry: an import that is refused before that leaves nothing behind. What is appended says who has
 * done it, and followers and starters hear of it at once.
 * @throws InvalidInputError where there is a log of this id that is no sheet
 */
export async function sheetToBe(
  handle: Pick<LogHandle<SheetEntry & LogMetadata, SheetState>, 'exists' | 'append' | 'eventLog'>,
  provenance: Provenance = {},
): Promise<SheetLog> {
  const { eventLog } = handle;
  let isThere = await handle.exists();
  return {
    ...eventLog,
    async addEntries(entries, expect) {
      const { nextSequenceId } = await handle.append(entries, { ...provenance, expect });
      isThere = true;
      return { nextSequenceId };
    },
    async query(start, end, snapshotId) {
      return isThere ? eventLog.query(start, end, snapshotId) : { startSequenceId: 0n, endSequenceId: 0n, isComplete: true, entries: [] };
    },
  };
}
