/**
 * The list of a sheet's tiles, as one list or through pages: finding tiles in it, and the list that follows a change.
 * A list in memory never changes; a change makes another one that shares what stayed the same.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { runSideBySide } from '../snapshots/side-by-side.ts';
import { MAX_TILES_IN_ROOT, type PageList, pageKeyOf, type SheetTotals, type TileList, type TileRef, totalsOf } from './manifest.ts';
import { tileKey } from './overlay.ts';
import { readPage, writePage } from './page-blob.ts';

const PAGES_SIDE_BY_SIDE = 8;

export type TileLists = { readonly tiles: TileList; readonly pages?: never } | { readonly tiles?: never; readonly pages: PageList };

interface TilePlace {
  readonly row: number;
  readonly column: number;
}

export interface TileChange extends TilePlace {
  /** undefined: the tile has no cell any more. */
  readonly ref: TileRef | undefined;
}

/** What a change leaves: one list, or pages of which some have another content now. */
export type ChangedLists = { tiles: TileList; pages?: never } | { tiles?: never; pages: PageList; changed: ReadonlyMap<number, TileList> };

export interface ListsOptions {
  blobs: BlobDir;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
}

/** Reads each page that the places need once, side by side. @returns looks up a tile; for those places alone */
export async function findTiles(
  lists: TileLists,
  places: Iterable<TilePlace>,
  options: ListsOptions,
): Promise<(tileRow: number, tileColumn: number) => TileRef | undefined> {
  const { tiles } = lists;
  if (tiles) {
    return (row, column) => tiles.get(tileKey(row, column));
  }
  const pages = await readPages(lists.pages, new Set([...places].map(pageKeyOf)), options);
  return (row, column) => pages.get(pageKeyOf({ row, column }))?.get(tileKey(row, column));
}

/** Every tile, by its key. @param except pages that are left out, with all their tiles */
export async function listTiles(lists: TileLists, options: ListsOptions, except: ReadonlySet<number> = new Set()): Promise<TileList> {
  if (lists.tiles) {
    return lists.tiles;
  }
  const pages = await readPages(
    lists.pages,
    [...lists.pages.keys()].filter((key) => !except.has(key)),
    options,
  );
  return new Map([...pages.values()].flatMap((tiles) => [...tiles]));
}

/** Reads the pages that the changes are in; writes nothing. */
export async function changeTiles(lists: TileLists, changes: readonly TileChange[], options: ListsOptions): Promise<ChangedLists> {
  if (lists.tiles) {
    const tiles = withChanges(lists.tiles, changes);
    return tiles.size <= MAX_TILES_IN_ROOT ? { tiles } : { pages: new Map(), changed: pagesOf(tiles) };
  }
  const groups = groupByPage(changes);
  const touched = await readPages(lists.pages, groups.keys(), options);
  const changed = new Map([...groups].map(([key, group]) => [key, withChanges(touched.get(key) ?? new Map(), group)]));
  let count = totalsOf(lists.pages.values()).tiles;
  for (const [key, tiles] of changed) {
    count += tiles.size - (touched.get(key)?.size ?? 0);
  }
  if (count > MAX_TILES_IN_ROOT) {
    return { pages: lists.pages, changed };
  }
  const rest = await listTiles(lists, options, new Set(changed.keys()));
  return { tiles: new Map([...changed.values(), rest].flatMap((tiles) => [...tiles])) };
}

export function totalsAfter(lists: ChangedLists): SheetTotals {
  if (lists.tiles) {
    return totalsOf(lists.tiles.values());
  }
  const untouched = [...lists.pages].filter(([key]) => !lists.changed.has(key)).map(([, page]) => page);
  return totalsOf([...untouched, ...[...lists.changed.values()].flatMap((tiles) => [...tiles.values()])]);
}

/** Writes the changed pages. The root, which names them, is the caller's. */
export async function writeLists(lists: ChangedLists, { blobs, cache, signal }: ListsOptions): Promise<TileLists> {
  if (lists.tiles) {
    return { tiles: lists.tiles };
  }
  const pages = new Map(lists.pages);
  await runSideBySide(lists.changed, { width: PAGES_SIDE_BY_SIDE }, async ([key, tiles]) => {
    signal?.throwIfAborted();
    if (tiles.size === 0) {
      pages.delete(key);
    } else {
      pages.set(key, await writePage(blobs, tiles, pages.get(key), cache));
    }
  });
  return { pages };
}

function withChanges(tiles: TileList, changes: readonly TileChange[]): TileList {
  const next = new Map(tiles);
  for (const { row, column, ref } of changes) {
    if (ref === undefined) {
      next.delete(tileKey(row, column));
    } else {
      next.set(tileKey(row, column), ref);
    }
  }
  return next;
}

function pagesOf(tiles: TileList): Map<number, TileList> {
  const groups = groupByPage(tiles.values());
  return new Map([...groups].map(([key, refs]) => [key, new Map(refs.map((ref) => [tileKey(ref.row, ref.column), ref]))]));
}

function groupByPage<ItemT extends TilePlace>(items: Iterable<ItemT>): Map<number, ItemT[]> {
  const groups = new Map<number, ItemT[]>();
  for (const item of items) {
    const key = pageKeyOf(item);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [item]);
    } else {
      group.push(item);
    }
  }
  return groups;
}

async function readPages(pages: PageList, keys: Iterable<number>, { blobs, cache, signal }: ListsOptions): Promise<Map<number, TileList>> {
  const lists = new Map<number, TileList>();
  await runSideBySide(keys, { width: PAGES_SIDE_BY_SIDE }, async (key) => {
    const page = pages.get(key);
    if (page !== undefined) {
      signal?.throwIfAborted();
      lists.set(key, await readPage(blobs, page.hash, cache));
    }
  });
  return lists;
}
