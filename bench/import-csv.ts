/** A CSV file into a sheet on Postgres, types recognised, against parsing the same file and doing nothing with it. */
import { join } from 'node:path';
import type { Environment } from './support/environment.ts';
import { writeCsvFile } from './support/file-rows.ts';
import { FILE_ROWS, fileFolder, measureFile } from './support/measure-file.ts';

export default async function measure(environment: Environment) {
  const file = join(await fileFolder(environment), 'rows.csv');
  await writeCsvFile(file, FILE_ROWS);
  const note = 'csv-parse alone, the same file';
  return measureFile(environment, await environment.database(), { name: 'import-csv', baseline: 'parse-csv', note, file });
}
