/**
 * The log type of a sheet.
 *
 * The fold only records writes: it runs for every entry of a log, so it checks no more than keeps a bad entry (of a writer that went past the
 * edge) out of the tiles. Such an entry fails the fold and is named.
 */
import { defineLogType } from '../event-log/define-log-type.ts';
import type { LogMetadata } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import { type CellValue, cellValueProblem, ERASED, isColumn, isRow, shown } from './cell.ts';
import { type ImportMark, type SheetEntry, sheetEntry } from './entries.ts';
import { createCellEraser } from './erase-cells.ts';
import { recordWrite } from './overlay.ts';
import { EMPTY_BASE } from './sheet-root.ts';
import { createSheetSnapshots } from './sheet-snapshots.ts';
import { createSheetState, type SheetState } from './sheet-state.ts';

/** Imports that a sheet remembers: enough to go on with one, not a history. */
const MAX_IMPORTS = 100;

export const sheet: LogType<SheetEntry & LogMetadata, SheetState> = {
  ...defineLogType({
    type: 'sheet',
    version: 1,
    snapshotEvery: 100,
    compactEvery: 10_000,
    entry: sheetEntry,
    initial: () => createSheetState(EMPTY_BASE),
    apply: applySheetEntry,
    snapshots: createSheetSnapshots('sheet'),
  }),
  eraserOf: (entry) => (entry.type === 'EraseCells' ? createCellEraser(entry.ranges) : undefined),
};

function applySheetEntry(state: SheetState, entry: SheetEntry): SheetState {
  switch (entry.type) {
    case 'SetCellValueAndFormat':
      setCell(state, entry.row, entry.column, entry.value, entry.format);
      return state;
    case 'SetCellRange': {
      const { row, column, values, format, source } = entry;
      for (let down = 0; down < values.length; down += 1) {
        const cells = values[down] as CellValue[];
        for (let across = 0; across < cells.length; across += 1) {
          setCell(state, row + down, column + across, cells[across] as CellValue, format);
        }
      }
      if (source) {
        rememberImport(state.imports, source);
      }
      return state;
    }
    case 'EraseCells':
      for (const { row, column, rowCount, columnCount } of entry.ranges) {
        for (let down = 0; down < rowCount; down += 1) {
          for (let across = 0; across < columnCount; across += 1) {
            setCell(state, row + down, column + across, ERASED, undefined);
          }
        }
      }
      return state;
    default:
      throw new TypeError(`type ${shown((entry as { type?: unknown }).type)} is no entry of a sheet`);
  }
}

function setCell({ overlay }: SheetState, row: number, column: number, value: CellValue, format: string | undefined): void {
  if (!isRow(row) || !isColumn(column)) {
    throw new RangeError(`cell (${shown(row)}, ${shown(column)}) is outside a sheet`);
  }
  const isPlain =
    typeof value === 'number' ? Number.isFinite(value) : typeof value === 'string' || typeof value === 'boolean' || value === null;
  if (!isPlain) {
    const problem = cellValueProblem(value);
    if (problem !== undefined) {
      throw new TypeError(`cell (${row}, ${column}): ${problem}`);
    }
  }
  if (format !== undefined && typeof format !== 'string') {
    throw new TypeError(`cell (${row}, ${column}): format ${shown(format)} is not text`);
  }
  // JSON has no negative zero: with it a state would differ from itself after a snapshot.
  recordWrite(overlay, row, column, value === 0 ? 0 : value, format);
}

function rememberImport(imports: Map<string, ImportMark>, mark: ImportMark): void {
  imports.delete(mark.name);
  imports.set(mark.name, mark);
  if (imports.size > MAX_IMPORTS) {
    const [oldest] = imports.keys();
    imports.delete(oldest as string);
  }
}
