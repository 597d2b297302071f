/** What keys and the clipboard do to the grid: they move the selection, begin to edit, or change what is selected. */
import { type ClipboardEvent, type KeyboardEvent, type RefObject, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import type { Cell, CellRange } from '../../spreadsheet/cell.ts';
import type { EditMode } from './cell-editor.tsx';
import type { EditBeginning } from './edits/sheet-edits.ts';
import type { GridRef } from './grid/grid.tsx';
import { commandOf, type KeyCommand } from './grid/keys.ts';
import { type Place, rangeOf, select } from './grid/selection.ts';
import type { SelectionState } from './use-selection.ts';
import type { SheetActions } from './use-sheet-actions.ts';
import { textToEdit } from './values/recognise-input.ts';

export interface SheetInputOptions {
  grid: RefObject<GridRef | null>;
  selecting: SelectionState;
  actions: SheetActions;
  cellAt(row: number, column: number): Cell | undefined;
  /** It is of an earlier moment. */
  isPast: boolean;
  isReadOnly: boolean;
}

export interface SheetInput {
  /** The cell that is edited, as it was when that began; undefined while it is only selected. */
  editing: { mode: EditMode; place: Place; began: EditBeginning } | undefined;
  /** Counts up when the name of a cell is to be written. */
  goToRequests: number;
  edit(mode: EditMode): void;
  /** @param text undefined: nothing was written */
  commit(text: string | undefined, move: { rows: number; columns: number }): void;
  cancel(): void;
  onKey(event: KeyboardEvent): void;
  onClipboard(event: ClipboardEvent): void;
}

export function useSheetInput({ grid, selecting, actions, cellAt, isPast, isReadOnly }: SheetInputOptions): SheetInput {
  const [editing, setEditing] = useState<SheetInput['editing']>();
  const [goToRequests, setGoToRequests] = useState(0);
  const mayLeave = useRef(false);
  const { selection } = selecting;
  const range = rangeOf(selection);

  function edit(mode: EditMode): void {
    const cell = cellAt(selection.active.row, selection.active.column);
    if (!isReadOnly && cell !== undefined) {
      grid.current?.reveal(selection.active);
      // At once: the key that began it is typed into the editor.
      const began = mode === 'write' ? { cell } : { cell, text: textToEdit(cell) };
      flushSync(() => setEditing({ mode, place: selection.active, began }));
    }
  }

  function cancel(): void {
    setEditing(undefined);
    grid.current?.focus();
  }

  function carryOut({ type }: KeyCommand): void {
    if (type === 'escape') {
      selecting.set(select(selection.active));
    } else if (type === 'go-to') {
      setGoToRequests((count) => count + 1);
    } else if (type === 'write' || type === 'edit') {
      edit(type === 'edit' ? 'change' : 'write');
    } else if (!isReadOnly) {
      change(type);
    }
  }

  function change(type: KeyCommand['type']): void {
    if (type === 'clear') {
      actions.clear(range);
    } else if (type === 'undo' || type === 'redo') {
      actions[type]();
    } else if (type === 'fill-down' || type === 'fill-right') {
      actions.fill(toFill(range, type), type === 'fill-down' ? 'down' : 'right');
    }
  }

  return {
    editing,
    goToRequests,
    edit,
    cancel,
    commit(text, move) {
      if (editing && text !== undefined) {
        actions.enter(editing.place, text, editing.began);
      }
      setEditing(undefined);
      if (move.rows !== 0 || move.columns !== 0) {
        selecting.press({ type: 'step', ...move });
        grid.current?.focus();
      }
    },
    onKey(event) {
      const command = commandOf(event);
      // Tab goes from cell to cell; after Escape it leaves the grid.
      if (command === undefined || editing || (event.key === 'Tab' && mayLeave.current)) {
        return;
      }
      mayLeave.current = command.type === 'escape';
      if (command.type !== 'write') {
        event.preventDefault();
      }
      if (!selecting.press(command)) {
        carryOut(command);
      }
    },
    onClipboard(event) {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) {
        return;
      }
      if (event.type !== 'paste') {
        actions.copy(event, range, { cellAt, isPast, isCut: event.type === 'cut' && !isReadOnly });
      }
      const pasted = event.type === 'paste' && !isReadOnly ? actions.paste(event, range) : undefined;
      if (pasted) {
        const extent = { row: pasted.row + pasted.rowCount - 1, column: pasted.column + pasted.columnCount - 1 };
        selecting.set({ active: pasted, anchor: pasted, extent });
      }
    },
  };
}

/** One cell takes what is above it, or to its left. */
function toFill(range: CellRange, type: 'fill-down' | 'fill-right'): CellRange {
  if (type === 'fill-down') {
    return range.rowCount > 1 || range.row === 0 ? range : { ...range, row: range.row - 1, rowCount: 2 };
  }
  return range.columnCount > 1 || range.column === 0 ? range : { ...range, column: range.column - 1, columnCount: 2 };
}
