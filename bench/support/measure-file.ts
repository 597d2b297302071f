/** A million cells into a sheet, or out of it, against a library that does nothing but the file: cells a second, and memory. Each in a process of its own. */
import { fork } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLog } from '../../src/event-log/create-log.ts';
import { importCsv } from '../../src/spreadsheet/import-csv.ts';
import { blobDirIn, denseLog, snapshotDenseSheet } from './dense-sheet.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { alternate, type Figure, limitFigure, quantile, reportedFigure } from './figure.ts';
import type { FileTask, FileTaskName, FileTaskValue } from './file-process.ts';
import { FILE_COLUMNS } from './file-rows.ts';

export const FILE_ROWS = 100_000;
const ROUNDS = 3;
const MEMORY_LIMIT_MB = 300;

export interface FileFigure {
  name: FileTaskName;
  baseline: FileTaskName;
  /** What the baseline is. */
  note: string;
  /** The file to read; for an export, none. */
  file?: string;
  /** The sheet to read; for an import, none. */
  sheet?: { logId: string; folder: string };
}

/** One that is there. */
export async function fileFolder(environment: Environment): Promise<string> {
  const folder = await environment.folder();
  await mkdir(folder, { recursive: true });
  return folder;
}

export async function measureFile(environment: Environment, { url }: BenchDatabase, figure: FileFigure): Promise<Figure[]> {
  const memory: Record<'value' | 'baseline', number[]> = { value: [], baseline: [] };
  const run = async (side: 'value' | 'baseline', task: FileTaskName, round: number) => {
    const folder = await fileFolder(environment);
    const file = figure.file ?? join(folder, `out-${task}`);
    const sheet = figure.sheet ?? { logId: `${task}-${round}`, folder };
    const { milliseconds, megabytes } = await inProcess({ task, url, file, rows: FILE_ROWS, ...sheet });
    memory[side].push(megabytes);
    return (FILE_ROWS * FILE_COLUMNS) / (milliseconds / 1_000);
  };
  const measured = await alternate({
    rounds: ROUNDS,
    value: (round) => run('value', figure.name, round),
    baseline: (round) => run('baseline', figure.baseline, round),
  });
  const cells = (FILE_ROWS * FILE_COLUMNS).toLocaleString('en-US');
  const note = `${cells} cells, ten columns; baseline: ${figure.note}`;
  const peak = { value: quantile(memory.value, 0.5), baseline: quantile(memory.baseline, 0.5) };
  return [
    reportedFigure({ name: figure.name, unit: 'cells/s', note }, measured),
    limitFigure(
      { name: `${figure.name}-memory`, unit: 'MB', note: 'most memory (resident) of a process that does this; baseline: of the other one' },
      peak,
      MEMORY_LIMIT_MB,
    ),
  ];
}

/** The rows in a sheet with a snapshot of all but its last entry. */
export async function sheetOfFile(environment: Environment, { pool }: BenchDatabase, source: AsyncIterable<Uint8Array>) {
  const logId = 'to-export';
  const folder = await environment.folder();
  const blobs = await blobDirIn(folder, logId);
  await createLog(pool, { id: logId, type: 'sheet' });
  const { sequenceId } = await importCsv({ log: denseLog(pool, logId), blobs, source, name: 'a.csv' });
  await snapshotDenseSheet(pool, blobs, logId, sequenceId - 1n);
  return { logId, folder };
}

function inProcess(task: FileTask): Promise<FileTaskValue> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./file-process.js', import.meta.url)), [JSON.stringify(task)]);
    child.once('message', (value) => resolve(value as FileTaskValue));
    child.once('exit', (code) => reject(new Error(`The process of ${task.task} ended with ${code}.`)));
  });
}
