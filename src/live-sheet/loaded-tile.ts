/** A tile of the snapshot in memory, spread out by position. Shared between views, never changed. */
import type { TileRef } from '../spreadsheet/manifest.ts';
import { type SpreadTile, spreadTile, TILE_CELLS } from '../spreadsheet/tile.ts';
import type { TileLayers } from './content.ts';
import { cellsOfPatch } from './patch.ts';

export interface LoadedTile extends Readonly<SpreadTile> {
  /** Absent: the snapshot has no such tile. */
  readonly ref: TileRef | undefined;
  /** Of an older snapshot: the one of this base could not be loaded. */
  readonly isStale: boolean;
  /** Estimated memory. */
  readonly bytes: number;
}

export const NO_TILE: LoadedTile = { ...spreadTile(undefined), ref: undefined, isStale: false, bytes: 200 };

/** The confirmed cells of `layers`, to be shown until the tile that follows them is loaded. */
export function staleTile(layers: TileLayers | undefined): LoadedTile {
  const { loaded = NO_TILE, confirmed } = layers ?? {};
  const values = [...loaded.values];
  const formats = loaded.formats ? [...loaded.formats] : new Array<string | undefined>(TILE_CELLS).fill(undefined);
  for (const [position, cell] of cellsOfPatch(confirmed ?? [])) {
    values[position] = cell.value ?? undefined;
    formats[position] = cell.format;
  }
  return { values, formats, ref: undefined, isStale: true, bytes: 16 * TILE_CELLS };
}
