/** Cell references as people write them: 'B7', 'A1:F20'. Rows and columns count from 0 in code, from 1 and A on paper. */
import { InvalidInputError } from '../errors.ts';
import { type CellRange, MAX_COLUMNS, MAX_ROWS } from './cell.ts';

const REFERENCE = /^\$?([A-Za-z]{1,5})\$?([1-9][0-9]{0,9})$/;

/** 'B7' → { row: 6, column: 1 }. @throws InvalidInputError */
export function parseCellName(text: string): { row: number; column: number } {
  const match = REFERENCE.exec(text.trim());
  if (match === null) {
    throw new InvalidInputError(`'${text.slice(0, 60)}' is not a cell. Write letters and a number, for example B7.`);
  }
  let column = 0;
  for (const letter of (match[1] as string).toUpperCase()) {
    column = column * 26 + (letter.charCodeAt(0) - 64);
  }
  const row = Number(match[2]);
  if (column > MAX_COLUMNS || row > MAX_ROWS) {
    throw new InvalidInputError(`Cell '${text.trim()}' is outside a sheet, which ends at ${cellName(MAX_ROWS - 1, MAX_COLUMNS - 1)}.`);
  }
  return { row: row - 1, column: column - 1 };
}

/** 'A1:F20', 'F20:A1' or 'B7' → the rectangle between the two cells, both included. @throws InvalidInputError */
export function parseRange(text: string): CellRange {
  const names = text.split(':');
  if (names.length > 2 || names.some((name) => !REFERENCE.test(name.trim()))) {
    throw new InvalidInputError(`'${text.slice(0, 60)}' is not a range. Write two cells with a colon, for example A1:F20, or one cell.`);
  }
  const [first, last = first] = names.map(parseCellName) as [ReturnType<typeof parseCellName>, ReturnType<typeof parseCellName>?];
  return {
    row: Math.min(first.row, last.row),
    column: Math.min(first.column, last.column),
    rowCount: Math.abs(first.row - last.row) + 1,
    columnCount: Math.abs(first.column - last.column) + 1,
  };
}

/** 'B,D' → [1, 3]. @throws InvalidInputError */
export function parseColumnNames(text: string): number[] {
  return text.split(',').map((part) => {
    const letters = part.trim();
    if (!/^[A-Za-z]{1,5}$/.test(letters)) {
      throw new InvalidInputError(`'${letters.slice(0, 20)}' is no column. Use letters with commas between them, for example B,D.`);
    }
    return parseCellName(`${letters}1`).column;
  });
}

/** 0 → 'A', 25 → 'Z', 26 → 'AA'. */
export function columnName(column: number): string {
  let name = '';
  for (let rest = column + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    name = String.fromCharCode(65 + ((rest - 1) % 26)) + name;
  }
  return name;
}

/** (6, 1) → 'B7'. */
export function cellName(row: number, column: number): string {
  return `${columnName(column)}${row + 1}`;
}

/** The reverse of `parseRange`. */
export function rangeName({ row, column, rowCount, columnCount }: CellRange): string {
  const first = cellName(row, column);
  return rowCount === 1 && columnCount === 1 ? first : `${first}:${cellName(row + rowCount - 1, column + columnCount - 1)}`;
}
