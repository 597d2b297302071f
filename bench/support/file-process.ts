/** A process of its own for one file; tells its parent how long it took and the most memory it has taken. */
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { parse } from 'csv-parse';
import { writeCsvStream } from 'hucre/csv';
import { streamXlsxRows, writeXlsxStream } from 'hucre/xlsx';
import { createLog } from '../../src/event-log/create-log.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { exportCsv } from '../../src/spreadsheet/export-csv.ts';
import { exportXlsx } from '../../src/spreadsheet/export-xlsx.ts';
import { importCsv } from '../../src/spreadsheet/import-csv.ts';
import { importXlsx } from '../../src/spreadsheet/import-xlsx.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { blobDirIn, denseLog } from './dense-sheet.ts';
import { fileRows } from './file-rows.ts';
import { ownPeakMegabytes } from './own-peak-megabytes.ts';

export type FileTaskName =
  | 'import-csv'
  | 'parse-csv'
  | 'import-xlsx'
  | 'parse-xlsx'
  | 'export-csv'
  | 'write-csv'
  | 'export-xlsx'
  | 'write-xlsx';

export interface FileTask {
  task: FileTaskName;
  url: string;
  /** Of the blobs. */
  folder: string;
  /** To read, or to write. */
  file: string;
  logId: string;
  rows: number;
}

export interface FileTaskValue {
  milliseconds: number;
  megabytes: number;
}

const { task, url, folder, file, logId, rows } = JSON.parse(process.argv[2] ?? '') as FileTask;
const pool = createPool({ connectionString: url });
const sheet = async () => ({ log: denseLog(pool, logId), blobs: await blobDirIn(folder, logId) });
const newSheet = async () => {
  await createLog(pool, { id: logId, type: 'sheet' });
  return sheet();
};
const save = (chunks: AsyncIterable<Uint8Array>) => pipeline(chunks, createWriteStream(file));
const fromWeb = (stream: unknown) => Readable.fromWeb(stream as ReadableStream);

const TASKS: Readonly<Record<FileTaskName, () => Promise<unknown>>> = {
  'import-csv': async () => importCsv({ ...(await newSheet()), source: createReadStream(file), name: 'a.csv' }),
  'parse-csv': async () => {
    for await (const _ of createReadStream(file).pipe(parse())) {
      // Parsed is enough.
    }
  },
  'import-xlsx': async () => importXlsx({ ...(await newSheet()), file }),
  'parse-xlsx': async () => {
    for await (const _ of streamXlsxRows(await readFile(file))) {
      // Parsed is enough.
    }
  },
  'export-csv': async () => save(exportCsv({ sheet: await openSheet(await sheet()) })),
  'write-csv': () => save(fromWeb(writeCsvStream(fileRows(rows)))),
  'export-xlsx': async () => save(exportXlsx({ sheet: await openSheet(await sheet()) })),
  'write-xlsx': () => save(fromWeb(writeXlsxStream(fileRows(rows), { name: 'One' }))),
};

const start = performance.now();
await TASKS[task]();
const milliseconds = performance.now() - start;
await pool.end();
process.send?.({ milliseconds, megabytes: ownPeakMegabytes() } satisfies FileTaskValue);
process.disconnect?.();
