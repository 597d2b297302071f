/** Pages of a large sheet's tile list, in blobs named `page-<sha-256>.gz`: gzip over { format, formatVersion, tiles: list }. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { CorruptBlobError } from '../errors.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { contentName, nameContent, parseContent, readContent, writeContent } from '../snapshots/content-blob.ts';
import {
  decodeTileList,
  encodeTileList,
  PAGE_TILE_COLUMNS,
  PAGE_TILE_ROWS,
  type PageRef,
  type TileList,
  type TileRef,
  totalsOf,
} from './manifest.ts';

const FORMAT = 'tidemark-page';
const FORMAT_VERSION = 1;

/** @throws CorruptBlobError, BlobNotFoundError */
export async function readPage(blobs: BlobDir, hash: string, cache: SnapshotCache | undefined): Promise<TileList> {
  const name = contentName('page', hash);
  const cached = cache?.get(name);
  if (cached !== undefined) {
    return cached as TileList;
  }
  const content = parseContent(name, await readContent(blobs, name), FORMAT, FORMAT_VERSION);
  const tiles = decodeTileList(content.tiles);
  if (tiles === undefined) {
    throw new CorruptBlobError(name, 'its list of tiles is not whole');
  }
  cachePage(cache, name, tiles);
  return tiles;
}

/** Writes a page unless it is the one `before` names. @param tiles at least one, all of one page */
export async function writePage(
  blobs: BlobDir,
  tiles: TileList,
  before: PageRef | undefined,
  cache: SnapshotCache | undefined,
): Promise<PageRef> {
  const blob = await nameContent('page', JSON.stringify({ format: FORMAT, formatVersion: FORMAT_VERSION, tiles: encodeTileList(tiles) }));
  if (blob.hash !== before?.hash) {
    await writeContent(blobs, blob);
  }
  cachePage(cache, blob.name, tiles);
  const [first] = tiles.values() as Iterable<TileRef> as [TileRef];
  return {
    row: Math.floor(first.row / PAGE_TILE_ROWS),
    column: Math.floor(first.column / PAGE_TILE_COLUMNS),
    hash: blob.hash,
    ...totalsOf(tiles.values()),
  };
}

function cachePage(cache: SnapshotCache | undefined, name: string, tiles: TileList): void {
  cache?.set(name, tiles, 250 * tiles.size + 500);
}
