/**
 * Records of a CSV file as entries of a sheet, a batch of rows each, well below the limit of an entry.
 *
 * Every entry says how many rows of the file are in the sheet with it, and the hash of them all: in the same entry as the rows, so that the two
 * can never disagree. An import that comes back checks that the rows are still the same and goes on after them.
 */
import { createHash, type Hash } from 'node:crypto';
import { InvalidInputError } from '../errors.ts';
import { type CellValue, MAX_COLUMNS, MAX_ROWS, textProblem } from './cell.ts';
import type { ImportMark, SheetEntry } from './entries.ts';
import type { CsvRecord } from './read-csv.ts';

export interface CsvEntriesOptions {
  name: string;
  /** Rows per entry, at most. */
  rowsPerEntry: number;
  /** How far an earlier import of this name came. */
  done?: ImportMark | undefined;
}

export interface CsvBatch {
  /** Usually one; more where a single row is too large for one entry. Empty for rows without a cell. Append them together. */
  entries: SheetEntry[];
  /** Rows of the file up to and with these, and bytes. */
  rows: number;
  bytes: number;
}

/** Estimated JSON of an entry: small enough for a row in a database, large enough to make few of them. */
const ENTRY_BYTES = 128 * 1024;
const EMPTY_CELL_BYTES = 5;

/** A number where the text is exactly how that number is written ('1.50', '007' and '1e5' stay text); nothing between two delimiters is no cell. */
export function cellOfField(field: string): CellValue {
  if (field === '') {
    return null;
  }
  const number = Number(field);
  return Number.isFinite(number) && String(number) === field ? number : field;
}

/** @throws InvalidInputError for a field or row that no sheet takes, or where the file is not the one that `done` is of */
export async function* csvEntries(
  records: AsyncIterable<CsvRecord>,
  { name, rowsPerEntry, done }: CsvEntriesOptions,
): AsyncGenerator<CsvBatch, void, undefined> {
  const hash = createHash('sha256');
  const rowsDone = done?.rows ?? 0;
  let rows = 0;
  let batch = new RowBatch(rowsDone);

  for await (const record of records) {
    if (rows < rowsDone) {
      hash.update(hashLine(record));
      rows += 1;
      checkUnchanged(name, rows, hash, done);
      continue;
    }
    const cells = cellsOf(record, name, rows);
    if (batch.rows.length === rowsPerEntry || batch.isFullFor(cells)) {
      yield batch.finish(name, digest(hash));
      batch = new RowBatch(rows);
    }
    hash.update(hashLine(record));
    rows += 1;
    batch.add(cells, record.bytes);
  }
  if (rows < rowsDone) {
    throw changedFile(name, rowsDone);
  }
  if (batch.rows.length > 0) {
    yield batch.finish(name, digest(hash));
  }
}

function hashLine({ fields }: CsvRecord): string {
  return `${JSON.stringify(fields)}\n`;
}

/** So far; the hash goes on. */
function digest(hash: Hash): string {
  return hash.copy().digest('hex');
}

function checkUnchanged(name: string, rows: number, hash: Hash, done: ImportMark | undefined): void {
  if (done !== undefined && rows === done.rows && digest(hash) !== done.sha256) {
    throw changedFile(name, rows);
  }
}

function changedFile(name: string, rows: number): InvalidInputError {
  return new InvalidInputError(
    `'${name}' is not the file whose first ${rows} rows are in this sheet. Import it into another sheet, or under another name.`,
  );
}

function cellsOf({ fields, line }: CsvRecord, name: string, row: number): CellValue[] {
  if (row >= MAX_ROWS || fields.length > MAX_COLUMNS) {
    throw new InvalidInputError(
      `'${name}' is too large for a sheet at line ${line}: it ends at ${MAX_ROWS} rows and ${MAX_COLUMNS} columns.`,
    );
  }
  return fields.map((field, column) => {
    const problem = textProblem(field);
    if (problem !== undefined) {
      throw new InvalidInputError(
        `'${name}' cannot be imported: in the record that ends on line ${line}, field ${column + 1}, ${problem}.`,
      );
    }
    return cellOfField(field);
  });
}

function bytesOf(cells: readonly CellValue[]): number {
  return cells.reduce<number>((sum, cell) => sum + (cell === null ? 0 : Buffer.byteLength(JSON.stringify(cell)) + 1), 0);
}

class RowBatch {
  readonly rows: CellValue[][] = [];
  readonly firstRow: number;
  private width = 0;
  private cellBytes = 0;
  private fileBytes = 0;

  constructor(firstRow: number) {
    this.firstRow = firstRow;
  }

  /** Shorter rows are filled up with empty cells, so one wide row makes every row of its entry wide. */
  isFullFor(cells: readonly CellValue[]): boolean {
    const width = Math.max(this.width, cells.length);
    const emptyBytes = width * (this.rows.length + 1) * EMPTY_CELL_BYTES;
    return this.rows.length > 0 && this.cellBytes + bytesOf(cells) + emptyBytes > ENTRY_BYTES;
  }

  add(cells: CellValue[], fileBytes: number): void {
    this.rows.push(cells);
    this.width = Math.max(this.width, cells.length);
    this.cellBytes += bytesOf(cells);
    this.fileBytes = fileBytes;
  }

  finish(name: string, sha256: string): CsvBatch {
    const rows = this.firstRow + this.rows.length;
    const hasCells = this.cellBytes > 0;
    const values = this.rows.map((cells) =>
      cells.length === this.width ? cells : [...cells, ...new Array<null>(this.width - cells.length).fill(null)],
    );
    const parts = this.cellBytes > 2 * ENTRY_BYTES ? splitColumns(values) : [{ column: 0, values }];
    const entries = parts.map((part, index): SheetEntry => {
      const entry = { type: 'SetCellRange' as const, row: this.firstRow, ...part };
      return index === parts.length - 1 ? { ...entry, source: { name, rows, sha256 } } : entry;
    });
    return { entries: hasCells ? entries : [], rows, bytes: this.fileBytes };
  }
}

/** A row of many long texts is larger than an entry may be: it is written in several, side by side. */
function splitColumns(values: CellValue[][]): { column: number; values: CellValue[][] }[] {
  const width = values[0]?.length ?? 0;
  const parts: { column: number; values: CellValue[][] }[] = [];
  let column = 0;
  let bytes = 0;
  for (let end = 1; end <= width; end += 1) {
    bytes += bytesOf(values.map((cells) => cells[end - 1] as CellValue)) + values.length * EMPTY_CELL_BYTES;
    if (bytes > ENTRY_BYTES || end === width) {
      parts.push({ column, values: values.map((cells) => cells.slice(column, end)) });
      column = end;
      bytes = 0;
    }
  }
  return parts;
}
