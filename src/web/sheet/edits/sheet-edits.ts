/**
 * What a person does to cells, as edits of a live sheet that can be undone.
 *
 * Each call is in the view when it returns; whether it is saved, `live.view.sync` says. Calls that need cells which are not loaded load them
 * first, up to 100,000, one call after the other; what is written meanwhile they leave alone. @throws InvalidInputError with what to do instead
 */
import { CellConflictError, InvalidInputError } from '../../../errors.ts';
import type { LiveSheet } from '../../../live-sheet/types.ts';
import { cellName, rangeName } from '../../../spreadsheet/a1.ts';
import { type Cell, type CellRange, cellValueProblem, MAX_COLUMNS, MAX_ROWS } from '../../../spreadsheet/cell.ts';
import { isInRange, type Place } from '../grid/selection.ts';
import { recogniseInput } from '../values/recognise-input.ts';
import { blockWrites } from './block-writes.ts';
import { type Block, changedBlocks } from './changed-blocks.ts';
import { checkSize, createCellLoader } from './load-cells.ts';
import { createTurns } from './take-turns.ts';
import { type CellChange, createUndoStack, isSameCell, isSameValue, type UndoPlan } from './undo-stack.ts';

/** What an editor began with. */
export interface EditBeginning {
  cell: Cell;
  /** That was in the editor. Absent: nothing, to write something new. */
  text?: string;
}

export interface SheetEdits {
  readonly undoName: string | undefined;
  readonly redoName: string | undefined;
  /**
   * What was typed. A text that is as the editor began changes nothing, whatever the cell holds by now.
   * @returns whether it was written. @throws CellConflictError where somebody has written the cell since the editor began: it is left alone
   */
  enter(place: Place, text: string, began?: EditBeginning): boolean;
  /** @param cells rows of one length; where the selection is some times as large, they are repeated. @returns the cells written */
  paste(selected: CellRange, cells: (formats: (row: number, column: number) => string | undefined) => Cell[][]): CellRange;
  /** The part of a range that can hold cells: whole columns and rows are selected beyond it. */
  used(range: CellRange): CellRange | undefined;
  /** The cells of a range, loaded if need be. */
  read(range: CellRange): Promise<Cell[][]>;
  clear(range: CellRange): Promise<void>;
  /** Clears cells that were taken elsewhere, as far as they still are as they were taken. */
  clearTaken(place: Place, cells: readonly (readonly Cell[])[]): void;
  fill(range: CellRange, direction: 'down' | 'right'): Promise<void>;
  setFormat(range: CellRange, change: (format: string | undefined) => string | undefined): Promise<void>;
  /** Writes single cells, for whoever has decided to. */
  write(name: string, cells: readonly { row: number; column: number; cell: Cell }[]): void;
  undo(): Promise<UndoPlan | undefined>;
  redo(): Promise<UndoPlan | undefined>;
  /** Whether this page has written the cell lately. */
  isOwn(row: number, column: number): boolean;
  /** What is seen; it is loaded again after cells elsewhere were. */
  setViewport(range: CellRange): void;
}

const OWN_FOR_MS = 10_000;

interface WriteOptions {
  /** Cells that stay as they are. */
  leaves?: (row: number, column: number) => boolean;
  /** What was there, as it was loaded: it may have gone from the view again. */
  before?: readonly (readonly Cell[])[];
  isInTurn?: boolean;
}

export function createSheetEdits(live: LiveSheet): SheetEdits {
  const undoStack = createUndoStack();
  const turns = createTurns();
  const loader = createCellLoader(live);
  /** What is written while cells are loaded, for each call that loads some. */
  const followed = new Set<CellRange[]>();
  let own: { range: CellRange; at: number }[] = [];

  const cellAt = (row: number, column: number) => live.view.getCell(row, column);

  function send({ row, column, cells }: Block, isInTurn: boolean): void {
    const range = { row, column, rowCount: cells.length, columnCount: cells[0]?.length ?? 1 };
    const now = performance.now();
    own = [...own.filter(({ at }) => now - at < OWN_FOR_MS), { range, at: now }];
    // What takes its turn before them was also asked for before them.
    for (const written of isInTurn ? [] : followed) {
      written.push(range);
    }
    for (const write of blockWrites(row, column, cells)) {
      const [[only] = []] = write.values;
      if (write.values.length === 1 && write.values[0]?.length === 1 && only !== undefined) {
        void live.setCell(write.row, write.column, only, write.format).catch(() => {});
      } else {
        void live.setRange(write.row, write.column, write.values, write.format).catch(() => {});
      }
    }
  }

  function sendChanges(changes: readonly CellChange[], isInTurn: boolean): void {
    for (const block of changedBlocks(changes)) {
      send(block, isInTurn);
    }
  }

  function writeBlock(name: string, { row, column }: Place, cells: readonly (readonly Cell[])[], options: WriteOptions = {}): void {
    const { leaves = () => false, before, isInTurn = false } = options;
    checkValues(row, column, cells);
    const changes: CellChange[] = [];
    for (const [down, line] of cells.entries()) {
      for (const [across, after] of line.entries()) {
        const place = { row: row + down, column: column + across };
        if (!leaves(place.row, place.column)) {
          changes.push({ ...place, before: before?.[down]?.[across] ?? cellAt(place.row, place.column), after });
        }
      }
    }
    if (changes.length > 0) {
      sendChanges(changes, isInTurn);
      undoStack.push({ name, changes });
    }
  }

  /** Loads cells, makes others of them, and writes those, but for what was written from the call on. */
  async function change(name: string, range: CellRange, make: (cells: Cell[][]) => Cell[][] | undefined): Promise<void> {
    const written: CellRange[] = [];
    followed.add(written);
    try {
      await turns.take(async () => {
        const before = await loader.load(range);
        const made = make(before);
        if (made) {
          const leaves = (row: number, column: number) => written.some((each) => isInRange(each, { row, column }));
          writeBlock(name, range, made, { before, leaves, isInTurn: true });
        }
      });
    } finally {
      followed.delete(written);
    }
  }

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

  function turnBack(plan: UndoPlan | undefined): UndoPlan | undefined {
    if (plan) {
      sendChanges(plan.changes, true);
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
    enter(place, text, began) {
      if (began && began.text === text) {
        return false;
      }
      const before = cellAt(place.row, place.column);
      const after = recogniseInput(text, (before ?? began?.cell)?.format);
      if (before !== undefined && isSameCell(before, after)) {
        return false;
      }
      if (began && before !== undefined && !isSameValue(before.value, began.cell.value)) {
        const name = cellName(place.row, place.column);
        const cells = [{ row: place.row, column: place.column, ours: after, theirs: before }];
        throw new CellConflictError(`${name} was written by somebody else while you changed it. Your text was not written.`, cells);
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
    used,
    read: (range) => turns.take(() => loader.load(range)),
    async clear(range) {
      const filled = used(range);
      if (filled) {
        await change(`clearing ${rangeName(filled)}`, filled, (cells) =>
          cells.some((line) => line.some(({ value }) => value !== null)) ? emptied(cells) : undefined,
        );
      }
    },
    clearTaken({ row, column }, cells) {
      const isOther = (at: number, across: number) => {
        const now = cellAt(at, across);
        return now === undefined || now.value === null || !isSameCell(now, cells[at - row]?.[across - column] as Cell);
      };
      const range = { row, column, rowCount: cells.length, columnCount: cells[0]?.length ?? 1 };
      writeBlock(`cutting ${rangeName(range)}`, range, emptied(cells), { leaves: isOther });
    },
    fill: (range, direction) =>
      change(`filling ${rangeName(range)}`, range, (cells) =>
        cells.map((line) => (direction === 'down' ? (cells[0] as Cell[]) : line.map(() => line[0] as Cell))),
      ),
    async setFormat(range, changed) {
      const filled = used(range);
      if (filled === undefined) {
        return;
      }
      await change(`the format of ${rangeName(filled)}`, filled, (cells) => {
        const formatted = cells.map((line) =>
          line.map((cell) => {
            const format = changed(cell.format);
            return cell.value === null || format === undefined ? { value: cell.value } : { value: cell.value, format };
          }),
        );
        const isChanged = formatted.some((line, down) => line.some((cell, across) => !isSameCell(cell, cells[down]?.[across] as Cell)));
        return isChanged ? formatted : undefined;
      });
    },
    write(name, cells) {
      const changes = cells.map(({ row, column, cell }) => ({ row, column, before: cellAt(row, column), after: cell }));
      sendChanges(changes, false);
      undoStack.push({ name, changes });
    },
    undo: () => turns.take(() => turnBack(undoStack.undo(cellAt))),
    redo: () => turns.take(() => turnBack(undoStack.redo(cellAt))),
    isOwn(row, column) {
      const since = performance.now() - OWN_FOR_MS;
      return own.some(({ range, at }) => at > since && isInRange(range, { row, column }));
    },
    setViewport: loader.setViewport,
  };
}

const emptied = (cells: readonly (readonly Cell[])[]): Cell[][] => cells.map((line) => line.map(() => ({ value: null })));

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
