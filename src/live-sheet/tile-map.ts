/**
 * A map by tile that never changes: a change makes another one, which shares what stayed the same. Tiles of one page of the sheet (64 × 2) are
 * kept together, so that a change copies a page and the list of pages, not everything.
 */
import { pageKeyOf } from '../spreadsheet/manifest.ts';

export type TileMap<T> = ReadonlyMap<number, ReadonlyMap<number, T>>;

export function placeOf(key: number): { row: number; column: number } {
  return { row: Math.floor(key / 65_536), column: key % 65_536 };
}

export function findInTileMap<T>(map: TileMap<T>, key: number): T | undefined {
  return map.get(pageKeyOf(placeOf(key)))?.get(key);
}

/** @param changes undefined removes */
export function changeTileMap<T>(map: TileMap<T>, changes: Iterable<readonly [key: number, value: T | undefined]>): TileMap<T> {
  const next = new Map(map);
  const copied = new Map<number, Map<number, T>>();
  for (const [key, value] of changes) {
    const pageKey = pageKeyOf(placeOf(key));
    let page = copied.get(pageKey);
    if (page === undefined) {
      page = new Map(next.get(pageKey));
      copied.set(pageKey, page);
      next.set(pageKey, page);
    }
    if (value === undefined) {
      page.delete(key);
    } else {
      page.set(key, value);
    }
  }
  for (const [pageKey, page] of copied) {
    if (page.size === 0) {
      next.delete(pageKey);
    }
  }
  return next;
}

export function* entriesOfTileMap<T>(map: TileMap<T>): Generator<[number, T]> {
  for (const page of map.values()) {
    yield* page;
  }
}
