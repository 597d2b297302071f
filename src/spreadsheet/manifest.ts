/**
 * What a sheet's snapshot is made of: a root that lists its tiles, itself for a small sheet, through pages for a large one.
 *
 * A page covers 64 × 4 tiles (8,192 rows × 64 columns). One more cell in a million then writes a tile, a page and a root: about 1 KB for
 * each of the last two, where a flat list would grow with the sheet. Which of the two forms is written depends on the number of tiles alone, so
 * equal cells make equal manifests.
 *
 * Lists are columns side by side, sorted by row, then column: { row: […], column: […], hash: […], … }.
 */
import { tileKey } from './overlay.ts';
import { TILE_COLUMNS, TILE_ROWS } from './tile.ts';

/** Up to so many tiles the root lists them itself: about 10 KB. */
export const MAX_TILES_IN_ROOT = 256;
export const PAGE_TILE_ROWS = 64;
export const PAGE_TILE_COLUMNS = 4;

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
export const TILE_FIELDS = [...BLOB_FIELDS, 'bytes'] as const;
export const PAGE_FIELDS = [...BLOB_FIELDS, 'tiles'] as const;

type Columns = Record<string, (number | string)[]>;

/** The list as columns, in its one order. */
export function listToColumns<RefT extends BlobRef>(refs: Iterable<RefT>, fields: readonly (keyof RefT & string)[]): Columns {
  const sorted = [...refs].sort((one, other) => one.row - other.row || one.column - other.column);
  return Object.fromEntries(fields.map((field) => [field, sorted.map((ref) => ref[field] as number | string)]));
}

/** @returns undefined where the columns are no list */
export function columnsToList<RefT extends BlobRef>(
  columns: unknown,
  fields: readonly (keyof RefT & string)[],
): Map<number, RefT> | undefined {
  const lists = fields.map((field) => (columns as Columns | undefined)?.[field]);
  const [rows] = lists;
  if (rows === undefined || lists.some((list) => !Array.isArray(list) || list.length !== rows.length)) {
    return undefined;
  }
  const refs = new Map<number, RefT>();
  for (let index = 0; index < rows.length; index += 1) {
    const ref = Object.fromEntries(fields.map((field, column) => [field, lists[column]?.[index]])) as unknown as RefT;
    refs.set(tileKey(ref.row, ref.column), ref);
  }
  return refs;
}
