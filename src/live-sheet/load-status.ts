import type { CellRange } from '../spreadsheet/cell.ts';
import { TILE_COLUMNS, TILE_ROWS } from '../spreadsheet/tile.ts';
import { placeOf } from './tile-map.ts';
import type { LoadStatus } from './types.ts';

/** The cells that a tile holds. */
export function rangeOfTile(key: number): CellRange {
  const { row, column } = placeOf(key);
  return { row: row * TILE_ROWS, column: column * TILE_COLUMNS, rowCount: TILE_ROWS, columnCount: TILE_COLUMNS };
}

export function isSameStatus(one: LoadStatus, other: LoadStatus): boolean {
  return (
    one.loading.length === other.loading.length &&
    one.failed.length === other.failed.length &&
    one.loading.every((range, index) => range.row === other.loading[index]?.row && range.column === other.loading[index]?.column) &&
    one.failed.every((tile, index) => tile.error === other.failed[index]?.error && tile.isStale === other.failed[index]?.isStale)
  );
}
