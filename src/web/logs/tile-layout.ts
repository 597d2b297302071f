/**
 * Where the tiles of a sheet are drawn. A sheet is tall and narrow, a panel is not: its rows of tiles are cut into strips that stand side by
 * side, top to bottom and then to the right, in squares as large as fit. Rows and columns of tiles without a cell take no place.
 */
import type { Tile } from '../api-types.ts';

export interface PlacedTile {
  tile: Tile;
  x: number;
  y: number;
}

export interface TileLayout {
  placed: readonly PlacedTile[];
  /** Of a square, with the gap after it. */
  step: number;
  width: number;
  height: number;
}

const LARGEST_STEP = 18;
const STRIP_GAP = 1;

export function layOutTiles(tiles: readonly Tile[], width: number, height: number): TileLayout {
  const rows = places(tiles.map(({ row }) => row));
  const columns = places(tiles.map(({ column }) => column));
  const stripWidth = columns.size + STRIP_GAP;
  let step = LARGEST_STEP;
  let rowsOfStrip = rows.size;
  // Smaller squares make more strips and longer ones; half a pixel is the end.
  for (; step > 0.5; step = step > 4 ? step - 1 : step * 0.8) {
    rowsOfStrip = Math.max(1, Math.min(rows.size, Math.floor(height / step)));
    const strips = Math.ceil(rows.size / rowsOfStrip);
    if ((strips * stripWidth - STRIP_GAP) * step <= width) break;
  }
  // The strips as even as they can be.
  const strips = Math.max(1, Math.ceil(rows.size / rowsOfStrip));
  const even = Math.max(1, Math.ceil(rows.size / strips));
  const placed = tiles.map((tile) => {
    const row = rows.get(tile.row) ?? 0;
    const column = columns.get(tile.column) ?? 0;
    return { tile, x: (Math.floor(row / even) * stripWidth + column) * step, y: (row % even) * step };
  });
  return { placed, step, width: Math.max(0, strips * stripWidth - STRIP_GAP) * step, height: Math.min(even, rows.size) * step };
}

/** Each number that is there, with its place among them. */
function places(numbers: readonly number[]): Map<number, number> {
  return new Map([...new Set(numbers)].sort((a, b) => a - b).map((number, index) => [number, index]));
}
