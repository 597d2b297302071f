/** Cells of a sheet's state: of the tiles that a rectangle touches, read side by side, with the writes since on top. */
import { runSideBySide } from '../snapshots/side-by-side.ts';
import { type Cell, type CellRange, EMPTY_CELL } from './cell.ts';
import { tileRef } from './manifest.ts';
import { mergeWrites, tileKey } from './overlay.ts';
import { mergeTouchedTiles, type SheetState } from './sheet-state.ts';
import { measureTile, positionInTile, type SpreadTile, spreadTile, TILE_COLUMNS, TILE_ROWS, type Tile } from './tile.ts';
import { readTile } from './tile-blob.ts';
import { changeTiles, findTiles, type ListsOptions, type TileChange, totalsAfter } from './tile-lists.ts';

const TILES_SIDE_BY_SIDE = 16;
/** JSON of the tiles that are read at once. */
const MAX_BYTES_AT_WORK = 16 * 1024 * 1024;

/**
 * Cells as they are at the call, whatever is written while their tiles are read.
 * @returns one array per row; cells without a value are `EMPTY_CELL`
 */
export async function readCells(state: SheetState, range: CellRange, options: ListsOptions): Promise<Cell[][]> {
  const places = tilesUnder(range);
  const written = new Map(
    places.flatMap(({ row, column }) => {
      const writes = state.overlay.tiles.get(tileKey(row, column));
      return writes === undefined ? [] : [[tileKey(row, column), { writes, count: writes.positions.length }] as const];
    }),
  );
  const find = await findTiles(state.base.lists, places, options);
  const tiles = new Map<number, Tile>();
  const kept = places.flatMap(({ row, column }) => find(row, column) ?? []);
  await runSideBySide(kept, { width: TILES_SIDE_BY_SIDE, weight: (ref) => ref.bytes, maxWeight: MAX_BYTES_AT_WORK }, async (ref) => {
    options.signal?.throwIfAborted();
    tiles.set(tileKey(ref.row, ref.column), await readTile(options.blobs, ref.hash, options.cache));
  });

  const rows = Array.from({ length: range.rowCount }, () => new Array<Cell>(range.columnCount).fill(EMPTY_CELL));
  for (const { row, column } of places) {
    const key = tileKey(row, column);
    const tile = tiles.get(key);
    const before = written.get(key);
    if (tile !== undefined || before !== undefined) {
      const spread = spreadTile(tile);
      if (before !== undefined) {
        mergeWrites(spread, before.writes, before.count);
      }
      copyCells(rows, range, row * TILE_ROWS, column * TILE_COLUMNS, spread);
    }
  }
  return rows;
}

/** Places of the tiles that a rectangle touches. */
export function tilesUnder({ row, column, rowCount, columnCount }: CellRange): { row: number; column: number }[] {
  const places: { row: number; column: number }[] = [];
  for (let tileRow = Math.floor(row / TILE_ROWS); tileRow * TILE_ROWS < row + rowCount; tileRow += 1) {
    for (let tileColumn = Math.floor(column / TILE_COLUMNS); tileColumn * TILE_COLUMNS < column + columnCount; tileColumn += 1) {
      places.push({ row: tileRow, column: tileColumn });
    }
  }
  return places;
}

function copyCells(rows: Cell[][], range: CellRange, top: number, left: number, { values, formats }: SpreadTile): void {
  const lastRow = Math.min(range.row + range.rowCount, top + TILE_ROWS);
  const lastColumn = Math.min(range.column + range.columnCount, left + TILE_COLUMNS);
  for (let row = Math.max(range.row, top); row < lastRow; row += 1) {
    const cells = rows[row - range.row] as Cell[];
    for (let column = Math.max(range.column, left); column < lastColumn; column += 1) {
      const position = positionInTile(row, column);
      const value = values[position];
      if (value !== undefined) {
        const format = formats?.[position];
        cells[column - range.column] = format === undefined ? { value } : { value, format };
      }
    }
  }
}

export interface SheetCounts {
  /** 1 + the last row that holds a cell; 0 for an empty sheet. */
  rowCount: number;
  columnCount: number;
  cellCount: number;
}

/** Exact, also after cells were emptied: reads the tiles that were written to since the snapshot, and the pages that list them. */
export async function countCells(state: SheetState, options: ListsOptions): Promise<SheetCounts> {
  const { lists, totals } = state.base;
  if (state.overlay.tiles.size === 0) {
    return { rowCount: totals.rows, columnCount: totals.columns, cellCount: totals.cells };
  }
  const changes: TileChange[] = [];
  await mergeTouchedTiles(state, options, ({ row, column, tile }) => {
    changes.push({ row, column, ref: tile && tileRef(row, column, '', 0, measureTile(tile)) });
  });
  const { rows, columns, cells } = totalsAfter(await changeTiles(lists, changes, options));
  return { rowCount: rows, columnCount: columns, cellCount: cells };
}
