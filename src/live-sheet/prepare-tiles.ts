/**
 * What a viewport shows, loaded of another snapshot before the view moves onto it: so that nothing that is shown is lost.
 */
import { SheetClosedError } from '../errors.ts';
import type { TileList } from '../spreadsheet/manifest.ts';
import type { SheetBase } from '../spreadsheet/sheet-root.ts';
import { isShown } from './content.ts';
import { loadTile, type TileSource } from './load-tile.ts';
import { type LoadedTile, staleTile } from './loaded-tile.ts';
import type { Patch } from './patch.ts';
import type { SheetStore } from './store.ts';
import { findInTileMap } from './tile-map.ts';

export interface PreparedTiles {
  tiles: Map<number, LoadedTile>;
  pages: Map<number, TileList>;
  /** Of tiles that were not loaded and cannot be: the cells that are shown of them. */
  patches: Map<number, Patch>;
}

export interface PrepareTilesOptions {
  /** Where a tile cannot be loaded, let the cells that are shown stand in for it, as stale. */
  force: boolean;
  store: SheetStore;
  source: TileSource;
  /** As it is when asked: it may move meanwhile. */
  viewport: () => ReadonlySet<number>;
  isClosed: () => boolean;
}

/**
 * @param adopt called when all is there, in the same turn of the event loop
 * @returns why it was not called: the error of a tile. @throws SheetClosedError
 */
export async function prepareTiles(
  base: SheetBase,
  { force, store, source, viewport, isClosed }: PrepareTilesOptions,
  adopt: (prepared: PreparedTiles) => void,
): Promise<{ error?: unknown }> {
  const prepared: PreparedTiles = { tiles: new Map(), pages: new Map(), patches: new Map() };
  // A tile may come to be shown wholly while the others are prepared.
  const isPrepared = (key: number) => prepared.tiles.has(key) || (prepared.patches.has(key) && !isShown(store.state.content, key));
  const isPartlyShown = (key: number) => findInTileMap(store.state.content.tiles, key)?.confirmed !== undefined;

  async function prepareTile(key: number): Promise<{ error: unknown } | undefined> {
    try {
      const { tile, page } = await loadTile(base, key, source, findInTileMap(store.state.content.tiles, key)?.loaded);
      prepared.tiles.set(key, tile);
      if (page) {
        prepared.pages.set(page.key, page.list);
      }
      return undefined;
    } catch (error) {
      const { content } = store.state;
      const layers = findInTileMap(content.tiles, key);
      if (isShown(content, key)) {
        prepared.tiles.set(key, staleTile(layers));
      } else {
        prepared.patches.set(key, layers?.confirmed ?? []);
      }
      return { error };
    }
  }

  for (;;) {
    const missing = [...viewport()].filter((key) => !isPrepared(key) && (isShown(store.state.content, key) || isPartlyShown(key)));
    if (missing.length === 0) {
      adopt(prepared);
      return {};
    }
    const failures = await Promise.all(missing.map(prepareTile));
    if (isClosed()) {
      throw new SheetClosedError();
    }
    const failure = failures.find((failed) => failed !== undefined);
    if (failure && !force) {
      return failure;
    }
  }
}
