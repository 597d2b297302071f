/**
 * Where the tiles of a sheet's snapshot lie, and which of them it rewrote against the snapshot before: those whose content has another hash.
 *
 * Only lists are read, never tiles, and of the older snapshot only pages that are others. The answer is bounded, whatever the sheet: one with too many tiles is shown
 * in larger blocks, first those of its pages, then these joined two by two. Errors are those of the blob store, and CorruptBlobError.
 */
import type { BlobId } from '../event-log/event-log.ts';
import { PAGE_TILE_COLUMNS, PAGE_TILE_ROWS, type PageList, pageKeyOf, type TileRef, totalsOf } from './manifest.ts';
import { tileKey } from './overlay.ts';
import { readRootLists } from './sheet-root.ts';
import { TILE_COLUMNS, TILE_ROWS } from './tile.ts';
import { type ListsOptions, listTiles, type TileLists } from './tile-lists.ts';

/** A rectangle of the sheet, from the top left corner of a tile to the last row and column that hold a cell. */
export interface SnapshotBlock {
  row: number;
  column: number;
  rowCount: number;
  columnCount: number;
  /** JSON of its tile, not compressed; absent where a block is more than a tile. */
  bytes?: number;
  isRewritten: boolean;
}

export interface SnapshotTiles {
  /** By row, then by column. */
  blocks: SnapshotBlock[];
  /** What one block covers at most: a tile, or more where there are too many. */
  blockRows: number;
  blockColumns: number;
  tiles: number;
  cells: number;
  bytes?: number;
}

export interface SnapshotTilesLimits {
  maxBlocks: number;
  /** That are read for their tiles: each is a blob, of 128 tiles at most. */
  maxPages: number;
}

const LIMITS: SnapshotTilesLimits = { maxBlocks: 10_000, maxPages: 256 };

/** @param before the snapshot to compare with; undefined: all is new */
export async function readSnapshotTiles(
  blobId: BlobId,
  before: BlobId | undefined,
  options: ListsOptions,
  { maxBlocks, maxPages }: SnapshotTilesLimits = LIMITS,
): Promise<SnapshotTiles> {
  const lists = await readRootLists(options.blobs, blobId, options.cache);
  const older = before === undefined ? undefined : await readRootLists(options.blobs, before, options.cache);
  const { tiles, cells } = totalsOf((lists.tiles ?? lists.pages).values());
  if (lists.tiles === undefined && (tiles > maxBlocks || lists.pages.size > maxPages)) {
    return { ...joined(blocksOfPages(lists.pages, older), maxBlocks), tiles, cells };
  }
  const blocks = await blocksOfTiles(lists, older, options);
  const bytes = blocks.reduce((sum, block) => sum + (block.bytes ?? 0), 0);
  return { blocks: sorted(blocks), blockRows: TILE_ROWS, blockColumns: TILE_COLUMNS, tiles, cells, bytes };
}

async function blocksOfTiles(lists: TileLists, older: TileLists | undefined, options: ListsOptions): Promise<SnapshotBlock[]> {
  const samePages = new Set<number>();
  for (const [key, page] of lists.pages ?? []) {
    if (older?.pages?.get(key)?.hash === page.hash) {
      samePages.add(key);
    }
  }
  const tiles = await listTiles(lists, options);
  const olderTiles = older && (await listTiles(older, options, samePages));
  const isSame = (tile: TileRef) => samePages.has(pageKeyOf(tile)) || olderTiles?.get(tileKey(tile.row, tile.column))?.hash === tile.hash;
  return [...tiles.values()].map((tile) => ({
    ...blockAt(tile.row * TILE_ROWS, tile.column * TILE_COLUMNS, tile),
    bytes: tile.bytes,
    isRewritten: !isSame(tile),
  }));
}

function blocksOfPages(pages: PageList, older: TileLists | undefined): SnapshotBlock[] {
  return [...pages].map(([key, page]) => ({
    ...blockAt(page.row * PAGE_TILE_ROWS * TILE_ROWS, page.column * PAGE_TILE_COLUMNS * TILE_COLUMNS, page),
    isRewritten: older?.pages?.get(key)?.hash !== page.hash,
  }));
}

function blockAt(row: number, column: number, { rows, columns }: { rows: number; columns: number }) {
  return { row, column, rowCount: rows - row, columnCount: columns - column };
}

function joined(ofPages: SnapshotBlock[], maxBlocks: number): Pick<SnapshotTiles, 'blocks' | 'blockRows' | 'blockColumns'> {
  let blocks = ofPages;
  let blockRows = PAGE_TILE_ROWS * TILE_ROWS;
  let blockColumns = PAGE_TILE_COLUMNS * TILE_COLUMNS;
  while (blocks.length > maxBlocks) {
    blockRows *= 2;
    blockColumns *= 2;
    blocks = joinBlocks(blocks, blockRows, blockColumns);
  }
  return { blocks: sorted(blocks), blockRows, blockColumns };
}

function joinBlocks(blocks: readonly SnapshotBlock[], blockRows: number, blockColumns: number): SnapshotBlock[] {
  const all = new Map<string, SnapshotBlock>();
  for (const block of blocks) {
    const row = block.row - (block.row % blockRows);
    const column = block.column - (block.column % blockColumns);
    const key = `${row} ${column}`;
    const one = all.get(key) ?? { row, column, rowCount: 0, columnCount: 0, isRewritten: false };
    one.rowCount = Math.max(one.rowCount, block.row + block.rowCount - row);
    one.columnCount = Math.max(one.columnCount, block.column + block.columnCount - column);
    one.isRewritten ||= block.isRewritten;
    all.set(key, one);
  }
  return [...all.values()];
}

function sorted(blocks: SnapshotBlock[]): SnapshotBlock[] {
  return blocks.sort((one, other) => one.row - other.row || one.column - other.column);
}
