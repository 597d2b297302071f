/**
 * A sheet is cut into tiles of 64 rows × 32 columns, 2,048 cells: the unit of reading and writing.
 *
 * Why this size: a 50 × 26 viewport touches at most 2 × 2 of them, wherever it lies; one tile takes at most 20 KB for numbers of 17 digits, so that one more cell
 * stays far below 50 KB written; and sheets are longer than wide, so a narrow one of a million cells still makes few tiles
 * (5 columns: 3,125; 10: 1,563; 26: 602; 1,000: 512).
 * Within a tile cells are numbered down the columns: values of one column are alike, and lie side by side for gzip.
 */
import type { CellValue } from './cell.ts';

export const TILE_ROWS = 64;
export const TILE_COLUMNS = 32;
export const TILE_CELLS = TILE_ROWS * TILE_COLUMNS;

/** A tile as it is in its blob; shared between readers, never changed. */
export interface Tile {
  /** Positions of the cells: start, length, start, length, … ascending; position = column × 64 + row, both within the tile. */
  readonly runs: readonly number[];
  /** One value per position; never null. */
  readonly values: readonly CellValue[];
  /** Format codes in use, and which cells have them: index into `formats` (-1: none), how many cells, … Absent: no cell has one. */
  readonly formats?: readonly string[];
  readonly formatRuns?: readonly number[];
}

/** A tile spread out, by position; undefined: no cell. */
export interface SpreadTile {
  values: (CellValue | undefined)[];
  /** Absent: no cell has one. */
  formats: (string | undefined)[] | undefined;
}

export function positionInTile(row: number, column: number): number {
  return (column % TILE_COLUMNS) * TILE_ROWS + (row % TILE_ROWS);
}

/** A new one, the caller's own. */
export function spreadTile(tile: Tile | undefined): SpreadTile {
  const values = new Array<CellValue | undefined>(TILE_CELLS).fill(undefined);
  if (tile === undefined) {
    return { values, formats: undefined };
  }
  const formats = tile.formatRuns && new Array<string | undefined>(TILE_CELLS).fill(undefined);
  const { runs } = tile;
  let ordinal = 0;
  let formatRun = 0;
  let formatLeft = tile.formatRuns?.[1] ?? 0;
  for (let run = 0; run < runs.length; run += 2) {
    const start = runs[run] as number;
    const end = start + (runs[run + 1] as number);
    for (let position = start; position < end; position += 1) {
      values[position] = tile.values[ordinal];
      ordinal += 1;
      if (formats && tile.formatRuns) {
        while (formatLeft === 0) {
          formatRun += 2;
          formatLeft = tile.formatRuns[formatRun + 1] as number;
        }
        formats[position] = tile.formats?.[tile.formatRuns[formatRun] as number];
        formatLeft -= 1;
      }
    }
  }
  return { values, formats };
}

/** The one form of these cells: equal cells make equal tiles, whatever writes they came from. */
export function gatherTile({ values, formats }: SpreadTile): Tile {
  const runs: number[] = [];
  const kept: CellValue[] = [];
  const codes = new Map<string, number>();
  const formatRuns: number[] = [];
  let expected = -1;
  for (let position = 0; position < TILE_CELLS; position += 1) {
    const value = values[position];
    if (value === undefined) {
      continue;
    }
    if (position === expected) {
      (runs[runs.length - 1] as number) += 1;
    } else {
      runs.push(position, 1);
    }
    expected = position + 1;
    kept.push(value);
    if (formats) {
      const code = formats[position];
      let index = -1;
      if (code !== undefined) {
        index = codes.get(code) ?? codes.size;
        codes.set(code, index);
      }
      if (formatRuns[formatRuns.length - 2] === index) {
        (formatRuns[formatRuns.length - 1] as number) += 1;
      } else {
        formatRuns.push(index, 1);
      }
    }
  }
  return codes.size === 0 ? { runs, values: kept } : { runs, values: kept, formats: [...codes.keys()], formatRuns };
}

/** How many cells a tile has, and how many rows and columns it takes from its top left corner to hold them. */
export function measureTile({ runs, values }: Tile): { cells: number; rows: number; columns: number } {
  let rows = 0;
  let columns = 0;
  for (let run = 0; run < runs.length; run += 2) {
    const start = runs[run] as number;
    const last = start + (runs[run + 1] as number) - 1;
    columns = Math.floor(last / TILE_ROWS) + 1;
    const spansColumns = Math.floor(start / TILE_ROWS) + 1 < columns;
    rows = Math.max(rows, spansColumns ? TILE_ROWS : (last % TILE_ROWS) + 1);
  }
  return { cells: values.length, rows, columns };
}
