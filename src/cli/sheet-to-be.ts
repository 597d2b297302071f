import type { BlobDir } from '../blob-store/blob-store.ts';
import { openBlobStore } from '../blob-store/open-blob-store.ts';
import type { SheetLog } from '../spreadsheet/open-sheet.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { sheetToBe as sheetToBeOf } from '../spreadsheet/sheet-to-be.ts';
import { createTidemark } from '../tidemark.ts';
import type { DatabaseContext } from './with-database.ts';

export interface SheetToBe {
  log: SheetLog;
  blobs: BlobDir;
}

/** The log of a sheet that is made with its first entry. @throws InvalidInputError where there is a log of this name that is no sheet */
export async function sheetToBe({ pool, targets }: DatabaseContext, name: string): Promise<SheetToBe> {
  const { schema } = targets;
  const blobs = await openBlobStore(targets.blobs, { pool, schema });
  const handle = createTidemark({ db: pool, schema, blobs }).log(sheet, name);
  return { log: await sheetToBeOf(handle), blobs: await handle.blobs() };
}
