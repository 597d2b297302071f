/** One tile of a snapshot, through the page that lists it where there is one. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { pageKeyOf, type TileList, type TileRef } from '../spreadsheet/manifest.ts';
import { readPage } from '../spreadsheet/page-blob.ts';
import type { SheetBase } from '../spreadsheet/sheet-root.ts';
import { spreadTile, TILE_CELLS } from '../spreadsheet/tile.ts';
import { readTile } from '../spreadsheet/tile-blob.ts';
import { type LoadedTile, NO_TILE } from './loaded-tile.ts';
import { placeOf } from './tile-map.ts';

export interface TileSource {
  blobs: BlobDir;
  cache: SnapshotCache;
  /** Whether the cache is for tiles too; else for their lists alone. */
  cachesTiles: boolean;
}

export interface TileAnswer {
  tile: LoadedTile;
  /** The list that was read to find it. */
  page?: { key: number; list: TileList };
}

/**
 * @param known the tile of another snapshot at this place: taken where it is the same
 * @throws CorruptBlobError, BlobNotFoundError, UnavailableError, or what the blob store throws
 */
export async function loadTile(
  { lists }: SheetBase,
  key: number,
  { blobs, cache, cachesTiles }: TileSource,
  known?: LoadedTile,
): Promise<TileAnswer> {
  if (lists.tiles) {
    return { tile: await read(lists.tiles.get(key)) };
  }
  const pageKey = pageKeyOf(placeOf(key));
  const page = lists.pages.get(pageKey);
  if (page === undefined) {
    return { tile: NO_TILE };
  }
  const list = await readPage(blobs, page.hash, cache);
  return { tile: await read(list.get(key)), page: { key: pageKey, list } };

  async function read(ref: TileRef | undefined): Promise<LoadedTile> {
    if (ref === undefined) {
      return NO_TILE;
    }
    if (known?.ref?.hash === ref.hash) {
      return { ...known, ref };
    }
    const spread = spreadTile(await readTile(blobs, ref.hash, cachesTiles ? cache : undefined));
    return { ...spread, ref, isStale: false, bytes: ref.bytes + 8 * TILE_CELLS * (spread.formats ? 2 : 1) };
  }
}
