/**
 * Cells and their limits, those that spreadsheet users know.
 *
 * A write replaces the whole cell, value and format: without a format the cell has none afterwards. `null` empties a cell; its format goes with it.
 * Rows and columns count from 0.
 */
export const MAX_ROWS = 2 ** 30;
export const MAX_COLUMNS = 2 ** 20;
/** UTF-16 code units, as Excel counts. */
const MAX_TEXT_LENGTH = 32_767;
export const MAX_FORMAT_LENGTH = 255;

export const CELL_ERROR_VALUES = [
  '#NULL!',
  '#DIV/0!',
  '#VALUE!',
  '#REF!',
  '#NAME?',
  '#NUM!',
  '#N/A',
  '#GETTING_DATA',
  '#SPILL!',
  '#UNKNOWN!',
  '#FIELD!',
  '#CALC!',
] as const;

/** What an erased cell holds. */
export const ERASED = '[erased]';

export interface CellError {
  type: 'CellError';
  value: (typeof CELL_ERROR_VALUES)[number];
}

export type CellValue = string | number | boolean | null | CellError;

export interface Cell {
  value: CellValue;
  /** Number-format code, for example '0.00' or 'yyyy-mm-dd'. */
  format?: string;
}

export const EMPTY_CELL: Readonly<Cell> = Object.freeze({ value: null });

/** A rectangle of cells; both counts at least 1. */
export interface CellRange {
  row: number;
  column: number;
  rowCount: number;
  columnCount: number;
}

export function isRow(row: unknown): row is number {
  return Number.isInteger(row) && (row as number) >= 0 && (row as number) < MAX_ROWS;
}

export function isColumn(column: unknown): column is number {
  return Number.isInteger(column) && (column as number) >= 0 && (column as number) < MAX_COLUMNS;
}

/** @returns why `value` is no cell value, with the limit and the fix; undefined where it is one */
export function cellValueProblem(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${value} is not a finite number; use text or a CellError such as '#NUM!'`;
    case 'string':
      return textProblem(value);
    default:
      return value === null || isCellError(value)
        ? undefined
        : `${shown(value)} is no cell value; use text, a finite number, true, false, null or { type: 'CellError', value: '#REF!' }`;
  }
}

export function textProblem(text: string, limit: number = MAX_TEXT_LENGTH): string | undefined {
  if (text.length > limit) {
    return `a text of ${text.length} characters is over the limit of ${limit}; shorten it`;
  }
  // Neither can be written to a Postgres text or a CSV file and read back.
  const unfit = /\0|\p{Surrogate}/u.exec(text);
  return unfit === null
    ? undefined
    : `a text holds ${unfit[0] === '\0' ? 'a NUL character' : 'half a character'} at ${unfit.index}; remove it`;
}

function isCellError(value: unknown): value is CellError {
  const error = value as Partial<CellError> | null;
  return typeof error === 'object' && error?.type === 'CellError' && (CELL_ERROR_VALUES as readonly unknown[]).includes(error.value);
}

/** As JSON, cut to a length that fits a message. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'undefined' : typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
