/**
 * What a sheet's snapshot is made of: a root that lists its tiles, itself for a small sheet, through pages for a large one.
 *
 * A page covers 64 × 2 tiles (4,096 rows × 64 columns). One more cell in a million then writes a tile, a page and a root, of which the last two
 * take 2 to 6 KB, where a flat list would take 30 and grow with the sheet. Which of the two forms is written depends on the number of tiles alone, so
 * equal cells make equal manifests.
 *
 * Lists are columns side by side, sorted by row, then column: { row: […], column: […], hash: […], … }.
 */
import { tileKey } from './overlay.ts';
import { TILE_COLUMNS, TILE_ROWS } from './tile.ts';

/** Up to so many tiles the root lists them itself: about 10 KB. */
export const MAX_TILES_IN_ROOT = 256;
export const PAGE_TILE_ROWS = 64;
export const PAGE_TILE_COLUMNS = 2;

interface BlobRef {
  /** Place, in tiles or in pages. */
  readonly row: number;
  readonly column: number;
  readonly hash: string;
  readonly cells: number;
  /** Rows and columns of the sheet that it takes to hold these cells: 1 + the last row, 1 + the last column. */
  readonly rows: number;
  readonly columns: number;
}

export interface TileRef extends BlobRef {
  /** Size of the tile's JSON: what reading it will take. */
  readonly bytes: number;
}

export interface PageRef extends BlobRef {
  readonly tiles: number;
}

export type TileList = ReadonlyMap<number, TileRef>;
export type PageList = ReadonlyMap<number, PageRef>;

export interface SheetTotals {
  readonly cells: number;
  readonly rows: number;
  readonly columns: number;
  readonly tiles: number;
}

export function pageKeyOf(tile: { row: number; column: number }): number {
  return tileKey(Math.floor(tile.row / PAGE_TILE_ROWS), Math.floor(tile.column / PAGE_TILE_COLUMNS));
}

export function totalsOf(refs: Iterable<BlobRef & { tiles?: number }>): SheetTotals {
  let cells = 0;
  let rows = 0;
  let columns = 0;
  let tiles = 0;
  for (const ref of refs) {
    cells += ref.cells;
    rows = Math.max(rows, ref.rows);
    columns = Math.max(columns, ref.columns);
    tiles += ref.tiles ?? 1;
  }
  return { cells, rows, columns, tiles };
}

/** Where a tile's own measures put it in the sheet. */
export function tileRef(
  row: number,
  column: number,
  hash: string,
  bytes: number,
  size: { cells: number; rows: number; columns: number },
): TileRef {
  return { row, column, hash, cells: size.cells, rows: row * TILE_ROWS + size.rows, columns: column * TILE_COLUMNS + size.columns, bytes };
}

const BLOB_FIELDS = ['row', 'column', 'hash', 'cells', 'rows', 'columns'] as const;
const TILE_FIELDS = [...BLOB_FIELDS, 'bytes'] as const;
const PAGE_FIELDS = [...BLOB_FIELDS, 'tiles'] as const;

type Columns<RefT> = { [FieldT in keyof RefT]: RefT[FieldT][] };

export function encodeTileList(tiles: TileList): Columns<TileRef> {
  return toColumns(tiles.values(), TILE_FIELDS);
}

export function encodePageList(pages: PageList): Columns<PageRef> {
  return toColumns(pages.values(), PAGE_FIELDS);
}

function toColumns<RefT extends BlobRef>(refs: Iterable<RefT>, fields: readonly (keyof RefT & string)[]): Columns<RefT> {
  const sorted = [...refs].sort((one, other) => one.row - other.row || one.column - other.column);
  return Object.fromEntries(fields.map((field) => [field, sorted.map((ref) => ref[field])])) as Columns<RefT>;
}

/** @returns undefined where `columns` is no list of tiles */
export function decodeTileList(columns: unknown): TileList | undefined {
  if (!isWhole<TileRef>(columns, TILE_FIELDS)) {
    return undefined;
  }
  // Spelled out, here and below: a viewport waits for this, and built field by field it takes ten times as long.
  const { row, column, hash, cells, rows, columns: widths, bytes } = columns as Columns<Required<TileRef>>;
  const tiles = new Map<number, TileRef>();
  for (let at = 0; at < row.length; at += 1) {
    const ref = {
      row: row[at],
      column: column[at],
      hash: hash[at],
      cells: cells[at],
      rows: rows[at],
      columns: widths[at],
      bytes: bytes[at],
    } as TileRef;
    tiles.set(tileKey(ref.row, ref.column), ref);
  }
  return tiles;
}

/** @returns undefined where `columns` is no list of pages */
export function decodePageList(columns: unknown): PageList | undefined {
  if (!isWhole<PageRef>(columns, PAGE_FIELDS)) {
    return undefined;
  }
  const { row, column, hash, cells, rows, columns: widths, tiles } = columns as Columns<Required<PageRef>>;
  const pages = new Map<number, PageRef>();
  for (let at = 0; at < row.length; at += 1) {
    const ref = {
      row: row[at],
      column: column[at],
      hash: hash[at],
      cells: cells[at],
      rows: rows[at],
      columns: widths[at],
      tiles: tiles[at],
    } as PageRef;
    pages.set(tileKey(ref.row, ref.column), ref);
  }
  return pages;
}

function isWhole<RefT>(columns: unknown, fields: readonly (keyof RefT & string)[]): columns is Columns<RefT> {
  const lists = fields.map((field) => (columns as Record<string, unknown> | undefined)?.[field]);
  const [first] = lists;
  return Array.isArray(first) && lists.every((list) => Array.isArray(list) && list.length === first.length);
}
