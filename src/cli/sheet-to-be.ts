/** The log of a sheet that is made with its first entry: an import that is refused before that leaves nothing behind. */

import type { BlobDir } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { openBlobStore } from '../blob-store/open-blob-store.ts';
import { InvalidInputError, LogNotFoundError } from '../errors.ts';
import { createLogOfType } from '../event-log/create-log.ts';
import type { LogMetadata } from '../event-log/event-log.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { readLog } from '../event-log/read-log.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import type { SheetLog } from '../spreadsheet/open-sheet.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import type { DatabaseContext } from './with-database.ts';

export interface SheetToBe {
  log: SheetLog;
  blobs: BlobDir;
}

/** @throws InvalidInputError where there is a log of this name that is no sheet */
export async function sheetToBe({ pool, db, targets }: DatabaseContext, name: string): Promise<SheetToBe> {
  const stored = createPostgresEventLog<SheetEntry & LogMetadata>({ pool, logId: name, schema: targets.schema });
  const blobs = await blobsOfLog(await openBlobStore(targets.blobs, { pool, schema: targets.schema }), name);
  const found = await readLog(db, name).then(
    ({ type }) => type,
    (error: unknown) => {
      if (error instanceof LogNotFoundError) return undefined;
      throw error;
    },
  );
  if (found !== undefined && found !== sheet.type) {
    throw new InvalidInputError(`Log '${name}' is of type '${found}', not a sheet. Choose another name.`);
  }
  let isThere = found !== undefined;
  const make = async () => {
    if (!isThere) await createLogOfType(pool, sheet, { id: name, schema: targets.schema });
    isThere = true;
  };
  return {
    blobs,
    log: {
      ...stored,
      async addEntries(entries, sequenceId, snapshotId) {
        await make();
        return stored.addEntries(entries, sequenceId, snapshotId);
      },
      async query(start, end, snapshotId) {
        return isThere ? stored.query(start, end, snapshotId) : { startSequenceId: 0n, endSequenceId: 0n, isComplete: true, entries: [] };
      },
    },
  };
}
