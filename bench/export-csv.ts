/** A sheet with a snapshot into a CSV file, against another library that writes such rows from memory. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './support/environment.ts';
import { writeCsvFile } from './support/file-rows.ts';
import { FILE_ROWS, fileFolder, measureFile, sheetOfFile } from './support/measure-file.ts';

export default async function measure(environment: Environment) {
  const database = await environment.database();
  const rows = join(await fileFolder(environment), 'rows.csv');
  await writeCsvFile(rows, FILE_ROWS);
  const sheet = await sheetOfFile(environment, database, createReadStream(rows));
  const note = 'hucre alone, rows that are made as they are written';
  return measureFile(environment, database, { name: 'export-csv', baseline: 'write-csv', note, sheet });
}
