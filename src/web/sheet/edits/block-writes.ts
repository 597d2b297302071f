/**
 * A block of cells as what a live sheet takes: rectangles of one format each, none near the size limit of an entry.
 *
 * Every cell of the block is written, empty ones too: what was there before goes.
 */
import type { Cell, CellValue } from '../../../spreadsheet/cell.ts';

export interface BlockWrite {
  row: number;
  column: number;
  values: CellValue[][];
  format?: string;
}

/** Half of what an entry may take, as characters of which one may be three bytes. */
const MAX_CHARACTERS = 160_000;

/** @param cells rows of one length */
export function blockWrites(row: number, column: number, cells: readonly (readonly Cell[])[]): BlockWrite[] {
  return bands(cells).flatMap(({ from, rows }) => rectangles(row + from, column, rows));
}

function bands(cells: readonly (readonly Cell[])[]): { from: number; rows: (readonly Cell[])[] }[] {
  const found: { from: number; rows: (readonly Cell[])[] }[] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const [index, row] of cells.entries()) {
    const ofRow = row.reduce((sum, cell) => sum + charactersOf(cell), 0);
    if (length + ofRow > MAX_CHARACTERS) {
      found.push({ from: index, rows: [] });
      length = 0;
    }
    found.at(-1)?.rows.push(row);
    length += ofRow;
  }
  return found;
}

interface Run {
  top: number;
  height: number;
  format: string | undefined;
}

/** Runs of one format down each column; equal ones side by side are one rectangle. */
function rectangles(row: number, column: number, cells: readonly (readonly Cell[])[]): BlockWrite[] {
  const writes: BlockWrite[] = [];
  const width = cells[0]?.length ?? 0;
  let from = 0;
  let runs = runsOf(cells, 0);
  let characters = charactersOfColumn(cells, 0);
  for (let next = 1; next <= width; next += 1) {
    const its = next < width ? runsOf(cells, next) : [];
    const more = next < width ? charactersOfColumn(cells, next) : 0;
    characters += more;
    // One row can be over the limit by itself.
    if (next < width && isSame(runs, its) && characters <= MAX_CHARACTERS * 2) {
      continue;
    }
    for (const { top, height, format } of runs) {
      const values = cells.slice(top, top + height).map((line) => line.slice(from, next).map(({ value }) => value));
      writes.push({ row: row + top, column: column + from, values, ...(format === undefined ? {} : { format }) });
    }
    from = next;
    runs = its;
    characters = more;
  }
  return writes;
}

function runsOf(cells: readonly (readonly Cell[])[], column: number): Run[] {
  const runs: Run[] = [];
  for (const [top, line] of cells.entries()) {
    const { value, format } = line[column] as Cell;
    const run = runs.at(-1);
    if (run && (value === null || run.format === format)) {
      run.height += 1;
    } else {
      runs.push({ top, height: 1, format: value === null ? undefined : format });
    }
  }
  return runs;
}

function isSame(one: readonly Run[], other: readonly Run[]): boolean {
  return one.length === other.length && one.every(({ top, format }, index) => top === other[index]?.top && format === other[index]?.format);
}

function charactersOf({ value }: Cell): number {
  return typeof value === 'string' ? JSON.stringify(value).length : 24;
}

function charactersOfColumn(cells: readonly (readonly Cell[])[], column: number): number {
  return cells.reduce((sum, line) => sum + charactersOf(line[column] as Cell), 0);
}
