/** Which cells are selected, and where a step moves that. Typing goes to `active`; the selection reaches from `anchor` to `extent`. */
import { type CellRange, MAX_COLUMNS, MAX_ROWS } from '../../../spreadsheet/cell.ts';

export interface Place {
  readonly row: number;
  readonly column: number;
}

export interface Selection {
  readonly active: Place;
  readonly anchor: Place;
  readonly extent: Place;
}

export function select(place: Place): Selection {
  return { active: place, anchor: place, extent: place };
}

export function selectRange({ row, column, rowCount, columnCount }: CellRange): Selection {
  const first = { row, column };
  return { active: first, anchor: first, extent: { row: row + rowCount - 1, column: column + columnCount - 1 } };
}

export function rangeOf({ anchor, extent }: Selection): CellRange {
  return {
    row: Math.min(anchor.row, extent.row),
    column: Math.min(anchor.column, extent.column),
    rowCount: Math.abs(anchor.row - extent.row) + 1,
    columnCount: Math.abs(anchor.column - extent.column) + 1,
  };
}

export function isInRange({ row, column, rowCount, columnCount }: CellRange, place: Place): boolean {
  return place.row >= row && place.row < row + rowCount && place.column >= column && place.column < column + columnCount;
}

/** @param isExtended the selection reaches there, from where it began */
export function moveTo(selection: Selection, to: Place, isExtended: boolean): Selection {
  const place = { row: within(to.row, MAX_ROWS), column: within(to.column, MAX_COLUMNS) };
  return isExtended ? { ...selection, extent: place } : select(place);
}

function within(index: number, count: number): number {
  return Math.min(count - 1, Math.max(0, index));
}

/** Enter and Tab go round within a selection of several cells; else they move on. */
export function step(selection: Selection, { rows = 0, columns = 0 }: { rows?: number; columns?: number }): Selection {
  const { active } = selection;
  const { row, column, rowCount, columnCount } = rangeOf(selection);
  const count = rowCount * columnCount;
  if (count === 1) {
    return moveTo(selection, { row: active.row + rows, column: active.column + columns }, false);
  }
  const [down, across] = [active.row - row, active.column - column];
  const next = (rows === 0 ? down * columnCount + across + columns : across * rowCount + down + rows + count) % count;
  const position = (next + count) % count;
  return rows === 0
    ? { ...selection, active: { row: row + Math.floor(position / columnCount), column: column + (position % columnCount) } }
    : { ...selection, active: { row: row + (position % rowCount), column: column + Math.floor(position / rowCount) } };
}
