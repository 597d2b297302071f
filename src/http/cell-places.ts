/** Cells and ranges as they stand in a URL: 'B7' and 'A1:C10', or '6,1' and '0,0:9,2': row, then column, counted from 0. */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { parseCellName, parseRange } from '../spreadsheet/a1.ts';
import type { CellRange } from '../spreadsheet/cell.ts';
import { checkRange } from '../spreadsheet/check-range.ts';

const NUMBERS = /^(\d{1,10}),(\d{1,7})$/;

export const CellText = z.string().max(60).describe("A cell: 'B7', or row and column from 0 as '6,1'");
export const RangeText = z.string().max(60).describe("A range: 'A1:C10', or rows and columns from 0 as '0,0:9,2'");

/** @throws InvalidInputError */
export function cellOf(text: string): { row: number; column: number } {
  const numbers = NUMBERS.exec(text);
  if (numbers === null) {
    return parseCellName(text);
  }
  const { row, column } = checkRange({ row: Number(numbers[1]), column: Number(numbers[2]), rowCount: 1, columnCount: 1 });
  return { row, column };
}

/** @param maxCells checked where it is given. @throws InvalidInputError */
export function rangeOf(text: string, maxCells?: number): CellRange {
  const range = parse(text);
  const cells = range.rowCount * range.columnCount;
  if (maxCells !== undefined && cells > maxCells) {
    throw new InvalidInputError(
      `${text} is ${cells} cells, over the ${maxCells} of one answer. Read it in parts, or export it (/logs/{logId}/export).`,
    );
  }
  return range;
}

function parse(text: string): CellRange {
  const parts = text.split(':');
  if (parts.length > 2 || !parts.every((part) => NUMBERS.test(part))) {
    return parseRange(text);
  }
  const [first, last = first] = parts.map(cellOf) as [ReturnType<typeof cellOf>, ReturnType<typeof cellOf>?];
  return {
    row: Math.min(first.row, last.row),
    column: Math.min(first.column, last.column),
    rowCount: Math.abs(first.row - last.row) + 1,
    columnCount: Math.abs(first.column - last.column) + 1,
  };
}
