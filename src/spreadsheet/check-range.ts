import { InvalidInputError } from '../errors.ts';
import { type CellRange, isColumn, isRow, MAX_COLUMNS, MAX_ROWS, shown } from './cell.ts';

const MAX_RANGE_CELLS = 1_000_000;

/** @throws InvalidInputError for no rectangle of a sheet, or one over 1,000,000 cells */
export function checkRange(range: CellRange): CellRange {
  const { row, column, rowCount, columnCount } = range;
  const isInside =
    isRow(row) && isColumn(column) && Number.isInteger(rowCount) && Number.isInteger(columnCount) && rowCount >= 1 && columnCount >= 1;
  if (!isInside || row + rowCount > MAX_ROWS || column + columnCount > MAX_COLUMNS) {
    throw new InvalidInputError(
      `${shown(range)} is no range of a sheet: use integers, rows from 0 to ${MAX_ROWS - 1}, columns from 0 to ${MAX_COLUMNS - 1}, and at least one of each.`,
    );
  }
  if (rowCount * columnCount > MAX_RANGE_CELLS) {
    throw new InvalidInputError(`${rowCount} × ${columnCount} cells are over the ${MAX_RANGE_CELLS} of one range. Read it in parts.`);
  }
  return range;
}
