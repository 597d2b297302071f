/** A sheet, folded cell by cell and compared with the cells of its snapshot's tiles. */
import type { BlobReader } from './blobs.ts';
import { type CellKey, cellKey, columnOf, placeOf, rowOf } from './cells.ts';
import type { Fold } from './check-log.ts';
import { readSheetSnapshot } from './sheet-snapshot.ts';

const describe = (place: number): string => `row ${rowOf(place)}, column ${columnOf(place)}`;

export function createSheetFold(blobs: BlobReader): Fold {
  const cells = new Map<number, CellKey>();
  const set = (row: number, column: number, value: unknown, format: unknown) => {
    if (value === null) cells.delete(placeOf(row, column));
    else cells.set(placeOf(row, column), cellKey(value, format));
  };
  return {
    apply(type, data) {
      const { row, column, value, values, format } = data as {
        row: number;
        column: number;
        value: unknown;
        values: unknown[][];
        format: unknown;
      };
      if (type === 'SetCellValueAndFormat') {
        set(row, column, value, format);
      } else if (type === 'SetCellRange') {
        for (let down = 0; down < values.length; down += 1) {
          const line = values[down] as unknown[];
          for (let across = 0; across < line.length; across += 1) set(row + down, column + across, line[across], format);
        }
      } else if (type === 'EraseCells') {
        for (const range of (data as { ranges: { row: number; column: number; rowCount: number; columnCount: number }[] }).ranges) {
          for (let at = 0; at < range.rowCount * range.columnCount; at += 1) {
            set(range.row + Math.floor(at / range.columnCount), range.column + (at % range.columnCount), '[erased]', undefined);
          }
        }
      } else {
        throw new Error(`the checker does not know an entry of type ${type} in a sheet`);
      }
    },
    async compare(name, sequenceId) {
      const snapshot = await readSheetSnapshot(blobs, name, sequenceId);
      let rows = 0;
      let columns = 0;
      for (const [place, text] of cells) {
        const held = snapshot.cells.get(place);
        if (held !== text) return `${describe(place)} is ${held ?? 'empty'} instead of ${text}`;
        rows = Math.max(rows, rowOf(place) + 1);
        columns = Math.max(columns, columnOf(place) + 1);
      }
      for (const place of snapshot.cells.keys()) {
        if (!cells.has(place)) return `${describe(place)} is ${snapshot.cells.get(place)} instead of empty`;
      }
      const counts = `${snapshot.cellCount} cells, ${snapshot.rows} rows, ${snapshot.columns} columns`;
      const expected = `${cells.size} cells, ${rows} rows, ${columns} columns`;
      return counts === expected ? undefined : `it says that it has ${counts} instead of ${expected}`;
    },
  };
}
