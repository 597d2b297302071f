/**
 * Sheets of any size with a snapshot on disk, made without their entries: folded from a log that is computed, and held by a log in Postgres that
 * begins at the snapshot. As a compacted sheet is.
 */
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import type { EventLog, LogMetadata } from '../../src/event-log/event-log.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { blobDirIn, DENSE_COLUMNS, denseLog } from './dense-sheet.ts';
import type { BenchDatabase, Environment } from './environment.ts';

export const SIZES = [10_000, 100_000, 1_000_000, 10_000_000] as const;

export interface SizedSheet {
  cells: number;
  rows: number;
  logId: string;
  /** Of the blobs of all logs. */
  folder: string;
  blobs: BlobDir;
  log: SheetLog;
  /** What the snapshot of all cells took on disk. */
  bytes: number;
}

export async function prepareSheet(environment: Environment, { owner, pool }: BenchDatabase, cells: number): Promise<SizedSheet> {
  const logId = `sheet-${cells}`;
  const folder = await environment.folder();
  const blobs = await blobDirIn(folder, logId);
  let bytes = 0;
  const snapshot = await takeSnapshot({
    log: computedLog(cells),
    blobs,
    logType: sheet,
    sequenceId: BigInt(cells),
    onFinish: ({ bytesWritten }) => {
      bytes = bytesWritten;
    },
  });
  await owner.query(
    `insert into tidemark.logs (id, type, first_sequence_id, next_sequence_id, snapshot_mark, snapshot_every) values ($1, 'sheet', $2, $2, $2, null)`,
    [logId, cells],
  );
  const log = denseLog(pool, logId);
  await log.addEntry({ ...cellEntry(0, 0, 0.5), snapshot }, BigInt(cells));
  return { cells, rows: cells / DENSE_COLUMNS, logId, folder, blobs, log, bytes };
}

export function cellEntry(row: number, column: number, value: number): SheetEntry {
  return { type: 'SetCellValueAndFormat', row, column, value };
}

/** Whole numbers from 0 to 999,999, the same ones every time. */
export function numberOf(cell: number): number {
  return (Math.imul(cell ^ (cell >>> 15), 0x2c1b3c6d) >>> 0) % 1_000_000;
}

const PAGE_SIZE = 10_000;

/** Answers what a fold asks for. */
function computedLog(cells: number): SheetLog {
  const refuse = () => {
    throw new Error('This log is only read.');
  };
  return {
    async query(start, end) {
      const from = typeof start === 'bigint' ? Number(start) : 0;
      const to = Math.min(end === 'end' ? cells : Number(end), from + PAGE_SIZE);
      const entries: (SheetEntry & LogMetadata)[] = [];
      for (let cell = from; cell < to; cell += 1) {
        entries.push(cellEntry(Math.floor(cell / DENSE_COLUMNS), cell % DENSE_COLUMNS, numberOf(cell)));
      }
      return { startSequenceId: BigInt(from), endSequenceId: BigInt(to), isComplete: to === cells, entries };
    },
    addEntry: refuse,
    addEntries: refuse,
    setMetadata: refuse,
    completeWorkflow: refuse,
    truncate: refuse,
    subscribe: refuse,
  } satisfies EventLog<SheetEntry & LogMetadata>;
}
