/**
 * Cells of some rows as few rectangles, each of one format: what SetCellRange can write.
 *
 * Cells without a format go into one rectangle per group of columns; wide gaps between columns are not filled. Cells with a format go into
 * rectangles of their own: runs down a column, joined with equal runs to their right. A hole in a run is an empty cell, not an end.
 * Rectangles of one call never write two values to one cell: where one has another's cell inside, it is empty there and comes before.
 */
import type { CellValue } from './cell.ts';

export interface ImportRow {
  /** Its place in the sheet. */
  readonly row: number;
  /** Where the values stand; absent: side by side from column 0 on. */
  readonly columns?: readonly number[];
  readonly values: readonly CellValue[];
  /** By index in `values`; absent: none has one. */
  readonly formats?: readonly (string | undefined)[] | undefined;
}

export interface Rectangle {
  row: number;
  column: number;
  values: CellValue[][];
  format?: string;
}

/** Columns that may be filled with empty cells to keep two groups together. */
const MAX_GAP = 3;

interface Run {
  column: number;
  top: number;
  /** By row from `top` on. */
  cells: CellValue[];
  format: string;
}

/** @param rows at least one, ascending; rows between them that are missing are empty */
export function rectanglesOf(rows: readonly ImportRow[]): Rectangle[] {
  const [first, last] = [rows[0] as ImportRow, rows[rows.length - 1] as ImportRow];
  const height = last.row - first.row + 1;
  const plain = new Set<number>();
  const runs: Run[] = [];
  const open = new Map<number, Run>();
  for (const { row, columns, values, formats } of rows) {
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] as CellValue;
      if (value === null) {
        continue;
      }
      const column = columns === undefined ? index : (columns[index] as number);
      const format = formats?.[index];
      if (format === undefined) {
        plain.add(column);
        open.delete(column);
      } else {
        const run = open.get(column);
        if (run !== undefined && run.format === format) {
          while (run.top + run.cells.length < row) {
            run.cells.push(null);
          }
          run.cells[row - run.top] = value;
        } else {
          const next = { column, top: row, cells: [value], format };
          open.set(column, next);
          runs.push(next);
        }
      }
    }
  }
  return [...plainRectangles(rows, first.row, height, plain), ...joinRuns(runs)];
}

function plainRectangles(rows: readonly ImportRow[], top: number, height: number, used: ReadonlySet<number>): Rectangle[] {
  const rectangles: Rectangle[] = [];
  const placeOf = new Map<number, Rectangle>();
  let members: number[] = [];
  const close = () => {
    const [left, right] = [members[0], members[members.length - 1]];
    if (left !== undefined && right !== undefined) {
      const width = right - left + 1;
      const values = Array.from({ length: height }, () => new Array<CellValue>(width).fill(null));
      const rectangle = { row: top, column: left, values };
      rectangles.push(rectangle);
      for (const member of members) {
        placeOf.set(member, rectangle);
      }
    }
    members = [];
  };
  for (const column of [...used].sort((one, other) => one - other)) {
    if (column - (members[members.length - 1] ?? column) > MAX_GAP + 1) {
      close();
    }
    members.push(column);
  }
  close();
  const [only] = rectangles.length === 1 ? rectangles : [];
  for (const { row, columns, values, formats } of rows) {
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] as CellValue;
      if (value !== null && formats?.[index] === undefined) {
        const column = columns === undefined ? index : (columns[index] as number);
        const { column: left, values: cells } = only ?? (placeOf.get(column) as Rectangle);
        (cells[row - top] as CellValue[])[column - left] = value;
      }
    }
  }
  return rectangles;
}

/** Equal runs side by side become one rectangle. */
function joinRuns(runs: Run[]): Rectangle[] {
  const rectangles: Rectangle[] = [];
  const open = new Map<string, Rectangle>();
  runs.sort((one, other) => one.column - other.column || one.top - other.top);
  for (const { column, top, cells, format } of runs) {
    const key = `${top} ${cells.length} ${format}`;
    const left = open.get(key);
    if (left !== undefined && left.column + (left.values[0] as CellValue[]).length === column) {
      cells.forEach((value, down) => {
        left.values[down]?.push(value);
      });
    } else {
      const rectangle: Rectangle = { row: top, column, values: cells.map((value) => [value]), format };
      rectangles.push(rectangle);
      open.set(key, rectangle);
    }
  }
  return rectangles;
}
