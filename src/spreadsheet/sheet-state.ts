/**
 * The state of a sheet during a fold: what the last snapshot says, and the writes since. The cells themselves stay in their tiles until they
 * are needed, so a fold takes memory for what it changes, not for the sheet.
 */
import { createBreather } from '../snapshots/breather.ts';
import { runSideBySide } from '../snapshots/side-by-side.ts';
import type { ImportMark } from './entries.ts';
import type { TileRef } from './manifest.ts';
import { createOverlay, mergeWrites, type Overlay } from './overlay.ts';
import type { SheetBase } from './sheet-root.ts';
import { gatherTile, spreadTile, type Tile } from './tile.ts';
import { readTile } from './tile-blob.ts';
import { findTiles, type ListsOptions } from './tile-lists.ts';

export interface SheetState {
  readonly base: SheetBase;
  readonly overlay: Overlay;
  /** By name, the one that wrote last at the end. */
  readonly imports: Map<string, ImportMark>;
}

export function createSheetState(base: SheetBase): SheetState {
  return { base, overlay: createOverlay(), imports: new Map(base.imports.map((mark) => [mark.name, mark])) };
}

const TILES_SIDE_BY_SIDE = 16;
/** JSON of the tiles at work at once; each takes a few times that while it is merged. */
const MAX_BYTES_AT_WORK = 8 * 1024 * 1024;

export interface MergedTile {
  readonly row: number;
  readonly column: number;
  readonly before: TileRef | undefined;
  /** undefined: it has no cell any more. */
  readonly tile: Tile | undefined;
}

/**
 * Merges the writes of every touched tile, some side by side, and hands each to `onTile`, which may take its time.
 * Writes that are recorded meanwhile are left out.
 */
export async function mergeTouchedTiles(
  { base, overlay }: SheetState,
  options: ListsOptions,
  onTile: (merged: MergedTile) => void | Promise<void>,
): Promise<void> {
  const { blobs, cache, signal } = options;
  const touched = [...overlay.tiles.values()].map((writes) => ({
    writes,
    count: writes.positions.length,
    row: writes.tileRow,
    column: writes.tileColumn,
  }));
  const find = await findTiles(base.lists, touched, options);
  const breather = createBreather(signal);
  const weight = ({ writes, row, column }: (typeof touched)[number]) => (find(row, column)?.bytes ?? 0) + textBytes(writes.values);

  await runSideBySide(
    touched,
    { width: TILES_SIDE_BY_SIDE, weight, maxWeight: MAX_BYTES_AT_WORK },
    async ({ writes, count, row, column }) => {
      signal?.throwIfAborted();
      const before = find(row, column);
      const spread = spreadTile(before && (await readTile(blobs, before.hash, cache)));
      mergeWrites(spread, writes, count);
      const tile = gatherTile(spread);
      await onTile({ row, column, before, tile: tile.values.length === 0 ? undefined : tile });
      if (breather.isDue()) {
        await breather.breathe();
      }
    },
  );
}

function textBytes(values: readonly unknown[]): number {
  let bytes = 20 * values.length;
  for (const value of values) {
    bytes += typeof value === 'string' ? value.length : 0;
  }
  return bytes;
}
