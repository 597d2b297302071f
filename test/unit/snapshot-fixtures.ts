/** What the tests of snapshots and sheets share: a plain model of a sheet, and logs and stores that count, fail or do something in between. */
import * as fc from 'fast-check';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import type { EventLog, LogEntry, SequenceId } from '../../src/event-log/event-log.ts';
import type { LogType } from '../../src/event-log/log-type.ts';
import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { type TakeSnapshotOptions, takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { Cell, CellValue } from '../../src/spreadsheet/cell.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet, type Sheet, type SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import type { BankEntry } from '../support/bank-account.ts';

export async function newLog<T extends LogEntry>(entries: readonly T[], pageSize = 1_000): Promise<EventLog<T>> {
  const log = createMemoryEventLog<T>({ pageSize });
  for (let start = 0; start < entries.length; start += 10_000) {
    await log.addEntries(entries.slice(start, start + 10_000), BigInt(start));
  }
  return log;
}

export async function newBlobs(): Promise<BlobDir> {
  return (await createMemoryBlobStore({ pageSize: 100_000 }).getRootDir()).getDir('log');
}

/** Takes the snapshot before `sequenceId` and sets it on that entry, as the activity does. */
export async function snapshotAt<EntryT extends LogEntry, StateT>(
  options: Omit<TakeSnapshotOptions<EntryT, StateT>, 'logType'> & { logType: LogType<EntryT, StateT> },
): Promise<string> {
  const blobId = await takeSnapshot(options);
  await options.log.setMetadata(options.sequenceId, { snapshot: blobId });
  return blobId;
}

export function cell(row: number, column: number, value: CellValue, format?: string): SheetEntry {
  return { type: 'SetCellValueAndFormat', row, column, value, ...(format === undefined ? {} : { format }) };
}

/** Cells by 'row,column', folded without product code. */
export function modelOf(entries: readonly SheetEntry[]): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  const set = (row: number, column: number, given: CellValue, format: string | undefined) => {
    const value = given === 0 ? 0 : given; // JSON has no negative zero
    cells.delete(`${row},${column}`);
    if (value !== null) {
      cells.set(`${row},${column}`, format === undefined ? { value } : { value, format });
    }
  };
  for (const entry of entries) {
    if (entry.type === 'SetCellValueAndFormat') {
      set(entry.row, entry.column, entry.value, entry.format);
    } else if (entry.type === 'EraseCells') {
      for (const { row, column, rowCount, columnCount } of entry.ranges) {
        for (let at = 0; at < rowCount * columnCount; at += 1) {
          set(row + Math.floor(at / columnCount), column + (at % columnCount), '[erased]', undefined);
        }
      }
    } else {
      entry.values.forEach((cells, down) => {
        cells.forEach((value, across) => {
          set(entry.row + down, entry.column + across, value, entry.format);
        });
      });
    }
  }
  return cells;
}

/** Every cell of a sheet, and its counts, through its public surface. */
export async function contentOf(sheet: Sheet, { rows, columns }: { rows: number; columns: number }) {
  const cells = new Map<string, Cell>();
  const range = await sheet.getRange({ row: 0, column: 0, rowCount: rows, columnCount: columns });
  range.forEach((line, row) => {
    line.forEach((value, column) => {
      if (value.value !== null) {
        cells.set(`${row},${column}`, value);
      }
    });
  });
  return { cells, counts: await sheet.counts() };
}

export function expectedContent(entries: readonly SheetEntry[]) {
  const cells = modelOf(entries);
  const places = [...cells.keys()].map((key) => key.split(',').map(Number) as [number, number]);
  return {
    cells,
    counts: {
      rowCount: Math.max(0, ...places.map(([row]) => row + 1)),
      columnCount: Math.max(0, ...places.map(([, column]) => column + 1)),
      cellCount: cells.size,
    },
  };
}

export const openAt = (log: SheetLog, blobs: BlobDir, at?: SequenceId) => openSheet({ log, blobs, at });

/** The same log, with something done before each query. */
export function withQueries<T extends LogEntry>(
  log: EventLog<T>,
  before: (start: unknown, end: unknown) => void | Promise<void>,
): EventLog<T> {
  return {
    addEntry: (...args) => log.addEntry(...args),
    addEntries: (...args) => log.addEntries(...args),
    setMetadata: (...args) => log.setMetadata(...args),
    completeWorkflow: (...args) => log.completeWorkflow(...args),
    truncate: (...args) => log.truncate(...args),
    subscribe: (...args) => log.subscribe(...args),
    async query(start, end, snapshotId) {
      await before(start, end);
      return log.query(start, end, snapshotId);
    },
  };
}

/** A blob directory that notes each read and write, and may fail them. */
export function watchBlobs(blobs: BlobDir, fail?: (operation: 'read' | 'write', name: string) => void) {
  const reads: string[] = [];
  const writes: { name: string; bytes: number }[] = [];
  const dir: BlobDir = {
    ...blobs,
    async readBlob(name) {
      reads.push(name);
      fail?.('read', name);
      return blobs.readBlob(name);
    },
    async writeBlob(name, content) {
      fail?.('write', name);
      await blobs.writeBlob(name, content);
      writes.push({ name, bytes: content.byteLength });
    },
  };
  return { dir, reads, writes };
}

export async function blobNames(blobs: BlobDir, prefix = ''): Promise<string[]> {
  return (await blobs.query()).blobs.filter((name) => name.startsWith(prefix));
}

// --- Random entries. Rows and columns cross several tile borders (64 × 32), and writes meet often.

export const ROWS = 300;
export const COLUMNS = 40;

const anyText = fc.oneof(fc.constantFrom('', 'x', 'Grüße', '007', '😀', 'a"b\\c\n'), fc.string({ maxLength: 12 }));
export const anyValue: fc.Arbitrary<CellValue> = fc.oneof(
  { weight: 3, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 3, arbitrary: fc.integer() },
  { weight: 3, arbitrary: anyText.filter((text) => !text.includes('\0')) },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom<CellValue>({ type: 'CellError', value: '#REF!' }, { type: 'CellError', value: '#DIV/0!' }) },
);
const anyFormat = fc.option(fc.constantFrom('0.00', 'yyyy-mm-dd', '@'), { nil: undefined });
const anyRow = fc.oneof(fc.integer({ min: 0, max: ROWS - 10 }), fc.constantFrom(0, 63, 64, 127, 128));
const anyColumn = fc.oneof(fc.integer({ min: 0, max: COLUMNS - 10 }), fc.constantFrom(0, 15, 16));

const withFormat = <T extends object>(entry: T, format: string | undefined) => (format === undefined ? entry : { ...entry, format });

export const anySheetEntry: fc.Arbitrary<SheetEntry> = fc.oneof(
  fc
    .tuple(anyRow, anyColumn, anyValue, anyFormat)
    .map(([row, column, value, format]) => withFormat({ type: 'SetCellValueAndFormat' as const, row, column, value }, format)),
  fc
    .tuple(anyRow, anyColumn, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.infiniteStream(anyValue), anyFormat)
    .map(([row, column, down, across, values, format]) => {
      const rows = Array.from({ length: down }, () => Array.from({ length: across }, () => values.next().value as CellValue));
      return withFormat({ type: 'SetCellRange' as const, row, column, values: rows }, format);
    }),
);

export const anyBankEntry: fc.Arbitrary<BankEntry> = fc.oneof(
  fc.record({ type: fc.constant('Deposited' as const), cents: fc.integer({ min: 1, max: 1_000_000 }) }),
  fc.record({ type: fc.constant('Withdrawn' as const), cents: fc.integer({ min: 1, max: 1_000_000 }) }),
  fc.record({ type: fc.constant('InterestPaid' as const), basisPoints: fc.integer({ min: 0, max: 1_000 }) }),
  fc.record({ type: fc.constant('Opened' as const), owner: fc.string({ minLength: 1, maxLength: 10 }) }),
);
