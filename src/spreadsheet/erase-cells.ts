/**
 * Takes the values of cells out of a sheet's entries, and out of its state.
 *
 * Wherever one of the cells has a value, the value becomes the marker. Everything else stays: which cells were empty, formats, and the cells
 * around. So the state of entries without the values is the state without the values, whichever of the two was made from the other.
 */
import type { Eraser } from '../event-log/log-type.ts';
import { runSideBySide } from '../snapshots/side-by-side.ts';
import { type CellRange, type CellValue, ERASED } from './cell.ts';
import { recordWrite } from './overlay.ts';
import { readCells } from './read-cells.ts';
import type { SheetState } from './sheet-state.ts';
import { TILE_COLUMNS, TILE_ROWS } from './tile.ts';

const RANGES_SIDE_BY_SIDE = 8;

export function createCellEraser(ranges: readonly CellRange[]): Eraser<SheetState> {
  const erases = cellFinder(ranges);
  const covers = boundsOf(ranges);
  return {
    eraseEntry(entry) {
      const { type, snapshot: _, history: __, pending: ___, ...fields } = entry;
      const { row, column } = fields as { row: number; column: number };
      if (type === 'SetCellValueAndFormat') {
        const { value } = fields as { value?: CellValue };
        return isErasable(value) && erases(row, column) ? { ...fields, value: ERASED } : undefined;
      }
      if (type !== 'SetCellRange') {
        return undefined;
      }
      const { values } = fields as { values: CellValue[][] };
      if (!covers({ row, column, rowCount: values.length, columnCount: values[0]?.length ?? 0 })) {
        return undefined;
      }
      let found = false;
      const erased = values.map((cells, down) =>
        cells.map((value, across) => {
          const isHit = isErasable(value) && erases(row + down, column + across);
          found ||= isHit;
          return isHit ? ERASED : value;
        }),
      );
      return found ? { ...fields, values: erased } : undefined;
    },

    async eraseState(state, options) {
      await runSideBySide(ranges, { width: RANGES_SIDE_BY_SIDE }, async (range) => {
        const rows = await readCells(state, range, options);
        rows.forEach((cells, down) => {
          cells.forEach(({ value, format }, across) => {
            if (isErasable(value)) {
              recordWrite(state.overlay, range.row + down, range.column + across, ERASED, format);
            }
          });
        });
      });
      return state;
    },
  };
}

function isErasable(value: CellValue | undefined): boolean {
  return value !== null && value !== undefined && value !== ERASED;
}

function isIn({ row, column, rowCount, columnCount }: CellRange, atRow: number, atColumn: number): boolean {
  return atRow >= row && atRow < row + rowCount && atColumn >= column && atColumn < column + columnCount;
}

/** Asked for every cell of a long history, with up to ten thousand ranges: only those that touch the cell's tile are looked at. */
function cellFinder(ranges: readonly CellRange[]): (row: number, column: number) => boolean {
  const byTile = new Map<string, CellRange[]>();
  for (const range of ranges) {
    for (let top = Math.floor(range.row / TILE_ROWS); top * TILE_ROWS < range.row + range.rowCount; top += 1) {
      for (let left = Math.floor(range.column / TILE_COLUMNS); left * TILE_COLUMNS < range.column + range.columnCount; left += 1) {
        const key = `${top} ${left}`;
        const there = byTile.get(key);
        if (there) {
          there.push(range);
        } else {
          byTile.set(key, [range]);
        }
      }
    }
  }
  return (row, column) =>
    byTile.get(`${Math.floor(row / TILE_ROWS)} ${Math.floor(column / TILE_COLUMNS)}`)?.some((range) => isIn(range, row, column)) ?? false;
}

/** Whether a rectangle may have one of the cells: by the smallest rectangle around them all. */
function boundsOf(ranges: readonly CellRange[]): (range: CellRange) => boolean {
  const top = Math.min(...ranges.map(({ row }) => row));
  const left = Math.min(...ranges.map(({ column }) => column));
  const bottom = Math.max(...ranges.map(({ row, rowCount }) => row + rowCount));
  const right = Math.max(...ranges.map(({ column, columnCount }) => column + columnCount));
  return ({ row, column, rowCount, columnCount }) => row < bottom && row + rowCount > top && column < right && column + columnCount > left;
}
