/**
 * Records as rows of a sheet: the first row has the names of the columns, each record is a row below. Columns are those that were asked for, or in the order in
 * which they are met; one that is met later gets a place behind the others.
 */
import { type CellValue, cellValueProblem, MAX_COLUMNS, MAX_ROWS, shown } from '../spreadsheet/cell.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import type { SourcePage } from './define-source.ts';
import { SourceRefusedError } from './source-errors.ts';

export interface RecordRows {
  /** Made as they are taken: a page of many columns is larger as rows than as records. */
  entries: Iterable<SheetEntry>;
  /** Columns that were not there before, at the end of the others. */
  newColumns: string[];
}

export interface RecordRowsOptions {
  /** For messages. */
  tableId: string;
  /** Records that are in the sheet already. */
  before: number;
  /** Columns that it has already. */
  known: readonly string[];
  /** Those to take; undefined: all. */
  wanted: readonly string[] | undefined;
}

const ROWS_PER_ENTRY = 500;
/** Estimated JSON of an entry: far below what one may have. */
const ENTRY_BYTES = 128 * 1024;

/** @throws SourceRefusedError past the end of a sheet, and, as entries are taken, for a value that no cell takes */
export function recordRows(page: SourcePage, { tableId, before, known, wanted }: RecordRowsOptions): RecordRows {
  const newColumns = wanted === undefined ? unknownColumns(page, known) : known.length === 0 ? [...wanted] : [];
  const columns = [...known, ...newColumns];
  if (columns.length > MAX_COLUMNS || before + page.records.length >= MAX_ROWS) {
    throw new SourceRefusedError(
      `Table '${tableId}' is larger than a sheet (${MAX_ROWS} rows, ${MAX_COLUMNS} columns). Choose its columns, or fewer records.`,
    );
  }
  function* rows(): Generator<CellValue[]> {
    for (const [index, record] of page.records.entries()) {
      const cell = (column: string) =>
        cellOf(Object.hasOwn(record, column) ? record[column] : null, { tableId, record: before + index + 1, column });
      yield columns.map(cell);
    }
  }
  function* entries(): Generator<SheetEntry> {
    if (newColumns.length > 0) {
      const names = newColumns.map((name) => cellOf(name, { tableId, record: 0, column: name }));
      yield* rangesOf([names], { row: 0, column: known.length });
    }
    yield* rangesOf(rows(), { row: before + 1, column: 0 });
  }
  return { entries: entries(), newColumns };
}

function unknownColumns({ records, columns }: SourcePage, known: readonly string[]): string[] {
  const all = new Set(known);
  for (const column of columns ?? []) all.add(column);
  for (const record of records) {
    for (const column of Object.keys(record)) all.add(column);
  }
  return [...all].slice(known.length);
}

/** Rows of one width, from a place on, in entries well below the limit of one. */
function* rangesOf(rows: Iterable<CellValue[]>, { row, column }: { row: number; column: number }): Generator<SheetEntry> {
  let values: CellValue[][] = [];
  let bytes = 0;
  let start = row;
  for (const cells of rows) {
    const size = bytesOf(cells);
    if (values.length === ROWS_PER_ENTRY || (values.length > 0 && bytes + size > ENTRY_BYTES)) {
      yield* splitWide({ row: start, column, values });
      start += values.length;
      values = [];
      bytes = 0;
    }
    if (cells.length > 0) values.push(cells);
    bytes += size;
  }
  if (values.length > 0) yield* splitWide({ row: start, column, values });
}

/** One row that is larger than an entry may be is written in several, side by side. */
function splitWide(range: { row: number; column: number; values: CellValue[][] }): SheetEntry[] {
  const [cells = []] = range.values;
  if (range.values.length > 1 || bytesOf(cells) <= ENTRY_BYTES || cells.length === 1) {
    return [{ type: 'SetCellRange', ...range }];
  }
  const half = Math.ceil(cells.length / 2);
  return [
    ...splitWide({ ...range, values: [cells.slice(0, half)] }),
    ...splitWide({ ...range, column: range.column + half, values: [cells.slice(half)] }),
  ];
}

function bytesOf(cells: readonly CellValue[]): number {
  let bytes = 0;
  // A character of text is at most six bytes of JSON.
  for (const cell of cells)
    bytes += typeof cell === 'string' ? (cell.length < 64 ? cell.length + 3 : Buffer.byteLength(JSON.stringify(cell)) + 1) : 12;
  return bytes;
}

/** @throws SourceRefusedError */
function cellOf(value: unknown, place: { tableId: string; record: number; column: string }): CellValue {
  const cell = asCell(value);
  const problem = typeof cell === 'boolean' || cell === null ? undefined : cellValueProblem(cell);
  if (problem !== undefined) {
    const { tableId, record, column } = place;
    throw new SourceRefusedError(
      `${record === 0 ? 'The name of a column' : `Record ${record}, column ${shown(column)},`} of table '${tableId}': ${problem}, or leave the column out (columns).`,
    );
  }
  return cell as CellValue;
}

function asCell(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'object':
      if (value === null || cellValueProblem(value) === undefined) return value;
      return value instanceof Date ? value.toISOString() : JSON.stringify(value);
    default:
      return value;
  }
}
