/** An entry in a line. */
import { cellName, rangeName } from '../../spreadsheet/a1.ts';
import { plural, shorten } from '../format.ts';
import type { TailEntry } from './log-tail.ts';

const LONGEST = 140;

export function describeEntry({ type, data }: Pick<TailEntry, 'type' | 'data'>): string {
  const { row, column, value, values } = data;
  if (typeof row === 'number' && typeof column === 'number') {
    if (type === 'SetCellValueAndFormat') {
      return shorten(`${cellName(row, column)} = ${describeValue(value)}`, LONGEST);
    }
    if (type === 'SetCellRange' && Array.isArray(values)) {
      const rowCount = values.length;
      const columnCount = Math.max(0, ...values.map((cells) => (Array.isArray(cells) ? cells.length : 0)));
      if (rowCount > 0 && columnCount > 0) {
        return `${rangeName({ row, column, rowCount, columnCount })}, ${plural(rowCount * columnCount, 'cell')}`;
      }
    }
  }
  return shorten(JSON.stringify(data), LONGEST);
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (typeof value === 'string') return `“${value}”`;
  if (typeof value === 'object' && 'value' in value) return String(value.value);
  return String(value);
}
