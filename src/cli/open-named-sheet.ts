import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { openBlobStore } from '../blob-store/open-blob-store.ts';
import { InvalidInputError } from '../errors.ts';
import type { LogMetadata, SequenceId } from '../event-log/event-log.ts';
import { readLog } from '../event-log/read-log.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { openSheet, type Sheet } from '../spreadsheet/open-sheet.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { logWithHistory } from './log-with-history.ts';
import type { DatabaseContext } from './with-database.ts';

/** A view of the sheet of this name. @throws LogNotFoundError; InvalidInputError where the log is none */
export async function openNamedSheet(context: DatabaseContext, name: string, at?: SequenceId): Promise<Sheet> {
  const { pool, db, targets } = context;
  const { type } = await readLog(db, name);
  if (type !== sheet.type) {
    throw new InvalidInputError(`Log '${name}' is of type '${type}', not a sheet. See its entries with 'tidemark log ${name}'.`);
  }
  const log = logWithHistory<SheetEntry & LogMetadata>(context, name);
  const blobs = await blobsOfLog(await openBlobStore(targets.blobs, { pool, schema: targets.schema }), name);
  return openSheet({ log, blobs, ...(at === undefined ? {} : { at }) });
}
