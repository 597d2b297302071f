/** What a person wants to know of the cells they have selected, in a line. */
import type { Cell, CellRange } from '../../spreadsheet/cell.ts';
import { formatValue } from './values/format-value.ts';

/** More are not added up while somebody drags over them. */
const MAX_CELLS = 20_000;

/** @returns undefined for one cell */
export function selectionSummary(range: CellRange, cellAt: (row: number, column: number) => Cell | undefined): string | undefined {
  const { row, column, rowCount, columnCount } = range;
  if (rowCount * columnCount === 1) {
    return undefined;
  }
  const size = `${rowCount.toLocaleString('en')} × ${columnCount.toLocaleString('en')}`;
  if (rowCount * columnCount > MAX_CELLS) {
    return size;
  }
  let [sum, numbers, filled] = [0, 0, 0];
  for (let down = 0; down < rowCount; down += 1) {
    for (let across = 0; across < columnCount; across += 1) {
      const cell = cellAt(row + down, column + across);
      if (cell === undefined) {
        return size;
      }
      filled += cell.value === null ? 0 : 1;
      if (typeof cell.value === 'number') {
        sum += cell.value;
        numbers += 1;
      }
    }
  }
  return numbers < 2 ? `${size} · ${filled} filled` : `${size} · sum ${shown(sum)} · average ${shown(sum / numbers)} · ${numbers} numbers`;
}

const shown = (value: number) => formatValue({ value: Number(value.toPrecision(12)) });
