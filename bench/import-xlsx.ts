/** An XLSX file into a sheet on Postgres, against another library that reads the same file and does nothing with it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { exportXlsx } from '../src/spreadsheet/export-xlsx.ts';
import { openSheet } from '../src/spreadsheet/open-sheet.ts';
import { blobDirIn, denseLog } from './support/dense-sheet.ts';
import type { Environment } from './support/environment.ts';
import { writeCsvFile } from './support/file-rows.ts';
import { FILE_ROWS, fileFolder, measureFile, sheetOfFile } from './support/measure-file.ts';

export default async function measure(environment: Environment) {
  const database = await environment.database();
  const folder = await fileFolder(environment);
  await writeCsvFile(join(folder, 'rows.csv'), FILE_ROWS);
  const { logId, folder: blobs } = await sheetOfFile(environment, database, createReadStream(join(folder, 'rows.csv')));
  const sheet = await openSheet({ log: denseLog(database.pool, logId), blobs: await blobDirIn(blobs, logId) });
  const file = join(folder, 'rows.xlsx');
  await pipeline(exportXlsx({ sheet }), createWriteStream(file));
  const note = 'hucre alone, the same file';
  return measureFile(environment, database, { name: 'import-xlsx', baseline: 'parse-xlsx', note, file });
}
