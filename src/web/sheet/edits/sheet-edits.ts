/**
 * What a person does to cells, as edits of a live sheet that can be undone.
 *
 * Each call is in the view when it returns; whether it is saved, `live.view.sync` says. Calls that need cells which are not loaded load them
 * first, up to 100,000. @throws InvalidInputError with what to do instead
 */
import { InvalidInputError } from '../../../errors.ts';
import type { LiveSheet } from '../../../live-sheet/types.ts';
import { cellName, rangeName } from '../../../spreadsheet/a1.ts';
import { type Cell, type CellRange, cellValueProblem, MAX_COLUMNS, MAX_ROWS } from '../../../spreadsheet/cell.ts';
import { isInRange, type Place } from '../grid/selection.ts';
import { recogniseInput } from '../values/recognise-input.ts';
import { blockWrites } from './block-writes.ts';
import { type CellChange, createUndoStack, isSameCell, type UndoPlan } from './undo-stack.ts';

export interface SheetEdits {
  readonly undoName: string | undefined;
  readonly redoName: string | undefined;
  /** What was typed. @returns false where that changes nothing */
  enter(place: Place, text: string): boolean;
  /** @param cells rows of one length; where the selection is some times as large, they are repeated. @returns the cells written */
  paste(selected: CellRange, cells: (formats: (row: number, column: number) => string | undefined) => Cell[][]): CellRange;
  /** The cells of a range, loaded if need be. */
  read(range: CellRange): Promise<Cell[][]>;
  clear(range: CellRange): Promise<void>;
  fill(range: CellRange, direction: 'down' | 'right'): Promise<void>;
  setFormat(range: CellRange, change: (format: string | undefined) => string | undefined): Promise<void>;
  /** Writes single cells, for whoever has decided to. */
  write(name: string, cells: readonly { row: number; column: number; cell: Cell }[]): void;
  undo(): UndoPlan | undefined;
  redo(): UndoPlan | undefined;
  /** Whether this page has written the cell lately. */
  isOwn(row: number, column: number): boolean;
  /** What is seen; it is loaded again after cells elsewhere were. */
  setViewport(range: CellRange): void;
}

const MAX_BLOCK_CELLS = 100_000;
const OWN_FOR_MS = 10_000;

export function createSheetEdits(live: LiveSheet): SheetEdits {
  const undoStack = createUndoStack();
  let own: { range: CellRange; at: number }[] = [];
  let viewport: CellRange | undefined;

  const cellAt = (row: number, column: number) => live.view.getCell(row, column);

  function note(range: CellRange): void {
    const now = performance.now();
    own = [...own.filter(({ at }) => now - at < OWN_FOR_MS), { range, at: now }];
  }

  function changesOf(row: number, column: number, cells: readonly (readonly Cell[])[]): CellChange[] {
    return cells.flatMap((line, down) =>
      line.map((after, across) => ({ row: row + down, column: column + across, before: cellAt(row + down, column + across), after })),
    );
  }

  function writeBlock(name: string, { row, column }: Place, cells: readonly (readonly Cell[])[]): void {
    checkValues(row, column, cells);
    const changes = changesOf(row, column, cells);
    note({ row, column, rowCount: cells.length, columnCount: cells[0]?.length ?? 1 });
    send(row, column, cells);
    undoStack.push({ name, changes });
  }

  function send(row: number, column: number, cells: readonly (readonly Cell[])[]): void {
    for (const write of blockWrites(row, column, cells)) {
      const [[only] = []] = write.values;
      if (write.values.length === 1 && write.values[0]?.length === 1 && only !== undefined) {
        void live.setCell(write.row, write.column, only, write.format).catch(() => {});
      } else {
        void live.setRange(write.row, write.column, write.values, write.format).catch(() => {});
      }
    }
  }

  /** Cells that stand anywhere: those that fill their rectangle as a block, others by themselves. */
  function sendChanges(changes: readonly CellChange[]): void {
    const { row, column, rowCount, columnCount } = hull(changes);
    note({ row, column, rowCount, columnCount });
    if (rowCount * columnCount === changes.length) {
      const cells = Array.from({ length: rowCount }, () => Array<Cell>(columnCount).fill({ value: null }));
      for (const change of changes) {
        (cells[change.row - row] as Cell[])[change.column - column] = change.after;
      }
      send(row, column, cells);
      return;
    }
    for (const { after, ...place } of changes) {
      send(place.row, place.column, [[after]]);
    }
  }

  /** What holds cells: whole columns and rows are selected beyond it. */
  function used({ row, column, rowCount, columnCount }: CellRange): CellRange | undefined {
    const { rowCount: rows, columnCount: columns } = live.view.counts;
    const range = {
      row,
      column,
      rowCount: Math.min(rowCount, rows - row),
      columnCount: Math.min(columnCount, columns - column),
    };
    return range.rowCount > 0 && range.columnCount > 0 ? range : undefined;
  }

  async function read(range: CellRange): Promise<Cell[][]> {
    checkSize(range);
    if (live.view.getRange(range).some((line) => line.includes(undefined))) {
      await live.setViewport(range);
    }
    const cells = live.view.getRange(range);
    if (viewport) {
      void live.setViewport(viewport);
    }
    if (cells.some((line) => line.includes(undefined))) {
      throw new InvalidInputError(`Some cells of ${rangeName(range)} could not be loaded: nothing was changed. Try again.`);
    }
    return cells as Cell[][];
  }

  function turnBack(plan: UndoPlan | undefined): UndoPlan | undefined {
    if (plan && plan.changes.length > 0) {
      sendChanges(plan.changes);
    }
    return plan;
  }

  return {
    get undoName() {
      return undoStack.undoName;
    },
    get redoName() {
      return undoStack.redoName;
    },
    enter(place, text) {
      const before = cellAt(place.row, place.column);
      const after = recogniseInput(text, before?.format);
      if (before !== undefined && isSameCell(before, after)) {
        return false;
      }
      writeBlock(`typing in ${cellName(place.row, place.column)}`, place, [[after]]);
      return true;
    },
    paste(selected, cellsFor) {
      const { row, column } = selected;
      const block = cellsFor((down, across) => cellAt(row + down, column + across)?.format);
      const [height, width] = [block.length, block[0]?.length ?? 0];
      const rows = selected.rowCount % height === 0 ? selected.rowCount : height;
      const columns = selected.columnCount % width === 0 ? selected.columnCount : width;
      const range = {
        row,
        column,
        rowCount: Math.min(rows, MAX_ROWS - row),
        columnCount: Math.min(columns, MAX_COLUMNS - column),
      };
      checkSize(range);
      const cells = Array.from({ length: range.rowCount }, (_, down) =>
        Array.from({ length: range.columnCount }, (_, across) => block[down % height]?.[across % width] as Cell),
      );
      writeBlock(`pasting into ${rangeName(range)}`, range, cells);
      return range;
    },
    read,
    async clear(range) {
      const filled = used(range);
      if (filled) {
        const cells = await read(filled);
        if (cells.some((line) => line.some(({ value }) => value !== null))) {
          writeBlock(
            `clearing ${rangeName(filled)}`,
            filled,
            cells.map((line) => line.map(() => ({ value: null }))),
          );
        }
      }
    },
    async fill(range, direction) {
      const cells = await read(range);
      const first = cells[0] as Cell[];
      const filled = cells.map((line) => (direction === 'down' ? first : line.map(() => line[0] as Cell)));
      writeBlock(`filling ${rangeName(range)}`, range, filled);
    },
    async setFormat(range, change) {
      const filled = used(range);
      if (filled === undefined) {
        return;
      }
      const cells = await read(filled);
      const formatted = cells.map((line) =>
        line.map((cell) => {
          const format = change(cell.format);
          return cell.value === null || format === undefined ? { value: cell.value } : { value: cell.value, format };
        }),
      );
      if (formatted.some((line, down) => line.some((cell, across) => !isSameCell(cell, cells[down]?.[across] as Cell)))) {
        writeBlock(`the format of ${rangeName(filled)}`, filled, formatted);
      }
    },
    write(name, cells) {
      const changes = cells.map(({ row, column, cell }) => ({ row, column, before: cellAt(row, column), after: cell }));
      sendChanges(changes);
      undoStack.push({ name, changes });
    },
    undo: () => turnBack(undoStack.undo(cellAt)),
    redo: () => turnBack(undoStack.redo(cellAt)),
    isOwn(row, column) {
      const since = performance.now() - OWN_FOR_MS;
      return own.some(({ range, at }) => at > since && isInRange(range, { row, column }));
    },
    setViewport(range) {
      viewport = range;
      void live.setViewport(range).catch(() => {});
    },
  };
}

function checkSize(range: CellRange): void {
  const cells = range.rowCount * range.columnCount;
  if (cells > MAX_BLOCK_CELLS) {
    throw new InvalidInputError(
      `${rangeName(range)} has ${cells.toLocaleString('en')} cells, over the limit of ${MAX_BLOCK_CELLS.toLocaleString('en')} at a time. Select fewer.`,
    );
  }
}

function checkValues(row: number, column: number, cells: readonly (readonly Cell[])[]): void {
  for (const [down, line] of cells.entries()) {
    for (const [across, { value }] of line.entries()) {
      const problem = cellValueProblem(value);
      if (problem !== undefined) {
        throw new InvalidInputError(`${cellName(row + down, column + across)} was not changed: ${problem}.`);
      }
    }
  }
}

function hull(changes: readonly CellChange[]): CellRange {
  let [top, left, bottom, right] = [MAX_ROWS, MAX_COLUMNS, 0, 0];
  for (const { row, column } of changes) {
    top = Math.min(top, row);
    left = Math.min(left, column);
    bottom = Math.max(bottom, row);
    right = Math.max(right, column);
  }
  return { row: top, column: left, rowCount: bottom - top + 1, columnCount: right - left + 1 };
}
