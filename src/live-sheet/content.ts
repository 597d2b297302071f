/**
 * The cells of a live sheet at one moment: per tile what its snapshot holds, where that is loaded, with the confirmed writes since and the
 * edits that wait on top. Nothing in it ever changes; a change makes another content that shares all tiles but those it touches.
 */
import { applyEntry } from '../snapshots/replay.ts';
import { type Cell, EMPTY_CELL } from '../spreadsheet/cell.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import type { TileList, TileRef } from '../spreadsheet/manifest.ts';
import { pageKeyOf } from '../spreadsheet/manifest.ts';
import { type Overlay, type TileWrites, tileKey } from '../spreadsheet/overlay.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { EMPTY_BASE, type SheetBase } from '../spreadsheet/sheet-root.ts';
import { createSheetState } from '../spreadsheet/sheet-state.ts';
import { positionInTile, TILE_COLUMNS, TILE_ROWS } from '../spreadsheet/tile.ts';
import type { LoadedTile } from './loaded-tile.ts';
import { createPatch, findInPatch, mergePatches, type Patch } from './patch.ts';
import { changeTileMap, findInTileMap, placeOf, type TileMap } from './tile-map.ts';

export interface TileLayers {
  readonly loaded?: LoadedTile | undefined;
  readonly confirmed?: Patch | undefined;
  readonly pending?: Patch | undefined;
}

export interface Content {
  readonly base: SheetBase;
  /** Lists of tiles that were read, by page, where the base lists its tiles through pages. */
  readonly pages: ReadonlyMap<number, TileList>;
  readonly tiles: TileMap<TileLayers>;
}

/** What entries write, in their order. @throws TidemarkError 'fold_failed' */
export function writesOf(entries: readonly SheetEntry[], from = 0n): Map<number, Patch> {
  const state = createSheetState(EMPTY_BASE);
  entries.forEach((entry, index) => {
    applyEntry(sheet, state, entry, from + BigInt(index));
  });
  return patchesOf(state.overlay);
}

export function patchesOf(overlay: Overlay): Map<number, Patch> {
  return new Map([...overlay.tiles].map(([key, writes]) => [key, createPatch(cellsOfWrites(writes))]));
}

function* cellsOfWrites({ positions, values, formats }: TileWrites): Generator<[number, Cell]> {
  for (const [index, position] of positions.entries()) {
    const value = values[index] ?? null;
    const format = formats?.[index];
    yield [position, value === null ? EMPTY_CELL : format === undefined ? { value } : { value, format }];
  }
}

/** One layer of the given tiles anew. */
export function withLayer<LayerT extends keyof TileLayers>(
  content: Content,
  layer: LayerT,
  tiles: Iterable<readonly [key: number, value: TileLayers[LayerT]]>,
): Content {
  const changes: [number, TileLayers | undefined][] = [];
  for (const [key, value] of tiles) {
    const next: TileLayers = { ...findInTileMap(content.tiles, key), [layer]: value };
    changes.push([key, next.loaded || next.confirmed || next.pending ? next : undefined]);
  }
  return { ...content, tiles: changeTileMap(content.tiles, changes) };
}

/** `writes` on top of a layer of patches. */
export function withWrites(content: Content, layer: 'confirmed' | 'pending', writes: ReadonlyMap<number, Patch>): Content {
  const merged = [...writes].map(([key, patch]) => [key, mergePatches(findInTileMap(content.tiles, key)?.[layer], patch)] as const);
  return withLayer(content, layer, merged);
}

/** Where the base is known to have no such tile, the answer is null; where that is not known, undefined. */
export function findRef({ base, pages }: Pick<Content, 'base' | 'pages'>, key: number): TileRef | null | undefined {
  const { lists } = base;
  if (lists.tiles) {
    return lists.tiles.get(key) ?? null;
  }
  const pageKey = pageKeyOf(placeOf(key));
  if (!lists.pages.has(pageKey)) {
    return null;
  }
  const page = pages.get(pageKey);
  return page && (page.get(key) ?? null);
}

/** Whether every cell of a tile can be shown. */
export function isShown(content: Content, key: number): boolean {
  return findInTileMap(content.tiles, key)?.loaded !== undefined || findRef(content, key) === null;
}

export function cellOf(content: Content, row: number, column: number): Cell | undefined {
  const key = tileKey(Math.floor(row / TILE_ROWS), Math.floor(column / TILE_COLUMNS));
  const layers = findInTileMap(content.tiles, key);
  const cell = layers && cellInLayers(layers, positionInTile(row, column));
  return cell ?? (findRef(content, key) === null ? EMPTY_CELL : undefined);
}

/** @returns undefined where these layers do not say */
export function cellInLayers({ loaded, confirmed, pending }: TileLayers, position: number): Cell | undefined {
  const written = (pending && findInPatch(pending, position)) ?? (confirmed && findInPatch(confirmed, position));
  if (written !== undefined || loaded === undefined) {
    return written;
  }
  const value = loaded.values[position];
  if (value === undefined) {
    return EMPTY_CELL;
  }
  const format = loaded.formats?.[position];
  return format === undefined ? { value } : { value, format };
}
