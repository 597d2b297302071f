/**
 * Rows of a file as entries of a sheet, a batch of rows each, well below the limit of an entry.
 *
 * The last entry of a batch says how many rows of the file are in the sheet with it, and the hash of them all: in the same append as the rows, so
 * that the two can never disagree. An import that comes back checks that the rows are still the same and goes on after them.
 */
import { createHash, type Hash } from 'node:crypto';
import { InvalidInputError } from '../errors.ts';
import type { CellValue } from './cell.ts';
import type { ImportMark, SheetEntry } from './entries.ts';
import { type ImportRow, type Rectangle, rectanglesOf } from './rectangles.ts';

export interface FileRow extends ImportRow {
  /** What the file says in this row, as one text: a second call compares it. */
  readonly identity: string;
  /** Bytes of the file up to its end. */
  readonly bytes: number;
}

export interface RowBatchesOptions {
  /** Of the import, for its mark; and for messages. */
  name: string;
  /** Rows per batch, at most. */
  rowsPerEntry: number;
  /** How far an earlier import of this name came. */
  done?: ImportMark | undefined;
}

export interface RowBatch {
  /** Usually one; more where cells have formats or a row is too large for one entry. Append them together. Empty for rows without a cell. */
  entries: SheetEntry[];
  /** Rows of the file up to and with these, and bytes. */
  rows: number;
  bytes: number;
}

/** Estimated JSON of a batch: small enough for a row in a database, large enough to make few of them. */
const BATCH_BYTES = 128 * 1024;
const EMPTY_CELL_BYTES = 5;
/** Rows without a cell that may be inside of a batch. */
const MAX_ROW_GAP = 16;
/** Up to this length the estimate need not look inside. */
const SHORT_TEXT = 64;

/** @throws InvalidInputError where the file is not the one that `done` is of */
export async function* rowBatches<RecordT>(
  records: AsyncIterable<RecordT>,
  rowOf: (record: RecordT, index: number) => FileRow,
  { name, rowsPerEntry, done }: RowBatchesOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  const hash = createHash('sha256');
  const rowsDone = done?.rows ?? 0;
  let rows = 0;
  let batch = createBatch();

  for await (const record of records) {
    const row = rowOf(record, rows);
    if (rows < rowsDone) {
      hash.update(row.identity);
      rows += 1;
      if (rows === rowsDone && digest(hash) !== done?.sha256) {
        throw changedFile(name, rows);
      }
      continue;
    }
    if (batch.rows.length === rowsPerEntry || !batch.hasRoomFor(row)) {
      yield batch.finish({ name, rows, sha256: digest(hash) });
      batch = createBatch();
    }
    hash.update(row.identity);
    rows += 1;
    batch.add(row);
  }
  if (rows < rowsDone) {
    throw changedFile(name, rowsDone);
  }
  if (batch.rows.length > 0) {
    yield batch.finish({ name, rows, sha256: digest(hash) });
  }
}

/** So far; the hash goes on. */
function digest(hash: Hash): string {
  return hash.copy().digest('hex');
}

function changedFile(name: string, rows: number): InvalidInputError {
  return new InvalidInputError(
    `'${name}' is not the file whose first ${rows} rows are in this sheet. Import it into another sheet, or under another name.`,
  );
}

function createBatch() {
  const rows: FileRow[] = [];
  const columns = new Set<number>();
  let width = 0;
  let cellBytes = 0;
  let pending: { row: FileRow; bytes: number } | undefined;

  function bytesOf(row: FileRow): number {
    if (pending?.row !== row) {
      pending = { row, bytes: row.values.reduce<number>((sum, cell) => sum + bytesOfCell(cell), 0) };
    }
    return pending.bytes;
  }

  return {
    rows,
    /** Rows of one rectangle are of one width, so one wide row makes every row of its batch wide. */
    hasRoomFor(row: FileRow): boolean {
      const last = rows[rows.length - 1];
      if (last === undefined) {
        return true;
      }
      const height = row.row - (rows[0] as FileRow).row + 1;
      const wide = Math.max(width, columns.size, row.values.length);
      const isNext = row.row > last.row && row.row - last.row <= MAX_ROW_GAP;
      return isNext && cellBytes + bytesOf(row) + wide * height * EMPTY_CELL_BYTES <= BATCH_BYTES;
    },
    add(row: FileRow): void {
      rows.push(row);
      cellBytes += bytesOf(row);
      if (row.columns === undefined) {
        width = Math.max(width, row.values.length);
      } else {
        for (const column of row.columns) {
          columns.add(column);
        }
      }
    },
    finish(mark: ImportMark): RowBatch {
      const rectangles = cellBytes > 0 ? rectanglesOf(rows) : [];
      const parts = cellBytes > BATCH_BYTES ? rectangles.flatMap(splitColumns) : rectangles;
      const entries = parts.map((part, index): SheetEntry => {
        const entry = { type: 'SetCellRange' as const, ...part };
        return index === parts.length - 1 ? { ...entry, source: mark } : entry;
      });
      return { entries, rows: mark.rows, bytes: (rows[rows.length - 1] as FileRow).bytes };
    },
  };
}

/** About what the cell takes in JSON. */
function bytesOfCell(cell: CellValue): number {
  switch (typeof cell) {
    case 'string':
      return cell.length <= SHORT_TEXT ? cell.length + 3 : Buffer.byteLength(JSON.stringify(cell)) + 1;
    case 'number':
      return 10;
    default:
      return cell === null ? 0 : 12;
  }
}

/** A row of many long texts is larger than an entry may be: it is written in several, side by side. */
function splitColumns({ row, column, values, ...rest }: Rectangle): Rectangle[] {
  const width = values[0]?.length ?? 0;
  const parts: Rectangle[] = [];
  let start = 0;
  let bytes = 0;
  for (let end = 1; end <= width; end += 1) {
    bytes += values.reduce((sum, cells) => sum + bytesOfCell(cells[end - 1] as CellValue) + EMPTY_CELL_BYTES, 0);
    if (bytes > BATCH_BYTES || end === width) {
      parts.push({ row, column: column + start, values: values.map((cells) => cells.slice(start, end)), ...rest });
      start = end;
      bytes = 0;
    }
  }
  return parts;
}
