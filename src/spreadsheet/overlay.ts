/**
 * Cell writes that are in no tile yet, grouped by tile, in the order they came.
 *
 * Recording one must cost next to nothing: folding a million entries may take no longer than reading them. So a write is three pushes onto its
 * tile's lists, and what it overwrites is settled when the tile is merged.
 */
import type { CellValue } from './cell.ts';
import { positionInTile, type SpreadTile, TILE_COLUMNS, TILE_ROWS } from './tile.ts';

export interface TileWrites {
  /** In tiles, not cells. */
  readonly tileRow: number;
  readonly tileColumn: number;
  readonly positions: number[];
  readonly values: CellValue[];
  /** By index of the write; absent: none has one. */
  formats: (string | undefined)[] | undefined;
}

export interface Overlay {
  readonly tiles: Map<number, TileWrites>;
  /** Estimated memory. */
  bytes: number;
  /** The tile written last: neighbouring entries mostly write the same one. */
  last: TileWrites | undefined;
}

const TILE_BYTES = 600;
/** Three list slots, grown by half ahead, and a boxed number. */
const WRITE_BYTES = 50;

export function createOverlay(): Overlay {
  return { tiles: new Map(), bytes: 0, last: undefined };
}

/** One number for a tile's place: there are 2^23 × 2^16 of them. */
export function tileKey(tileRow: number, tileColumn: number): number {
  return tileRow * 65_536 + tileColumn;
}

/** `row`, `column` and `value` are checked by the caller. */
export function recordWrite(overlay: Overlay, row: number, column: number, value: CellValue, format: string | undefined): void {
  const tileRow = Math.floor(row / TILE_ROWS);
  const tileColumn = Math.floor(column / TILE_COLUMNS);
  let tile = overlay.last;
  if (tile === undefined || tile.tileRow !== tileRow || tile.tileColumn !== tileColumn) {
    tile = writesOf(overlay, tileRow, tileColumn);
    overlay.last = tile;
  }
  if (format !== undefined) {
    tile.formats ??= [];
    tile.formats[tile.positions.length] = format;
  }
  tile.positions.push(positionInTile(row, column));
  tile.values.push(value);
  overlay.bytes += typeof value === 'string' ? WRITE_BYTES + 2 * value.length : WRITE_BYTES;
}

function writesOf(overlay: Overlay, tileRow: number, tileColumn: number): TileWrites {
  const key = tileKey(tileRow, tileColumn);
  let tile = overlay.tiles.get(key);
  if (tile === undefined) {
    tile = { tileRow, tileColumn, positions: [], values: [], formats: undefined };
    overlay.tiles.set(key, tile);
    overlay.bytes += TILE_BYTES;
  }
  return tile;
}

/** Puts the first `count` of `writes` onto a spread tile, in their order. */
export function mergeWrites(tile: SpreadTile, { positions, values, formats }: TileWrites, count: number = positions.length): void {
  if (formats) {
    tile.formats ??= new Array<string | undefined>(tile.values.length).fill(undefined);
  }
  for (let index = 0; index < count; index += 1) {
    const position = positions[index] as number;
    const value = values[index] as CellValue;
    tile.values[position] = value === null ? undefined : value;
    if (tile.formats) {
      tile.formats[position] = formats?.[index];
    }
  }
}
