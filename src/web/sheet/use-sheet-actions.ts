/** The edits of a sheet as a page does them: on what is selected, with a word to the person where something could not be done. */
import { type ClipboardEvent, useMemo } from 'react';
import { errorMessage } from '../../errors.ts';
import type { LiveSheet } from '../../live-sheet/types.ts';
import { cellName } from '../../spreadsheet/a1.ts';
import type { Cell, CellRange } from '../../spreadsheet/cell.ts';
import { plural } from '../format.ts';
import { toast } from '../toasts.tsx';
import { putOnClipboard, takeFromClipboard, textOfCells } from './edits/clipboard.ts';
import { createSheetEdits, type SheetEdits } from './edits/sheet-edits.ts';
import type { UndoPlan } from './edits/undo-stack.ts';
import type { Place } from './grid/selection.ts';

export interface SheetActions {
  edits: SheetEdits;
  enter(place: Place, text: string): void;
  clear(range: CellRange): void;
  fill(range: CellRange, direction: 'down' | 'right'): void;
  setFormat(range: CellRange, change: (format: string | undefined) => string | undefined): void;
  undo(): void;
  redo(): void;
  /** @param cellAt what is shown: now, or at an earlier moment */
  copy(event: ClipboardEvent, range: CellRange, cellAt: (row: number, column: number) => Cell | undefined): void;
  /** @returns where it was pasted */
  paste(event: ClipboardEvent, range: CellRange): CellRange | undefined;
}

export function useSheetActions(live: LiveSheet): SheetActions {
  return useMemo(() => createSheetActions(live), [live]);
}

function createSheetActions(live: LiveSheet): SheetActions {
  const edits = createSheetEdits(live);

  async function say(action: () => unknown): Promise<void> {
    try {
      await action();
    } catch (error) {
      toast(errorMessage(error), 'danger');
    }
  }

  return {
    edits,
    enter: (place, text) => void say(() => edits.enter(place, text)),
    clear: (range) => void say(() => edits.clear(range)),
    fill: (range, direction) => void say(() => edits.fill(range, direction)),
    setFormat: (range, change) => void say(() => edits.setFormat(range, change)),
    undo: () => void say(() => report(edits.undo())),
    redo: () => void say(() => report(edits.redo())),
    copy(event, range, cellAt) {
      event.preventDefault();
      const cells = cellsOf(range, cellAt);
      if (cells) {
        putOnClipboard(event.clipboardData, cells);
      } else {
        // What has to be loaded first comes too late for this event.
        void say(async () => navigator.clipboard.writeText(textOfCells(await edits.read(range))));
      }
    },
    paste(event, range) {
      event.preventDefault();
      const cells = takeFromClipboard(event.clipboardData);
      try {
        return cells && edits.paste(range, cells);
      } catch (error) {
        toast(errorMessage(error), 'danger');
        return undefined;
      }
    },
  };
}

const MAX_COPIED_AT_ONCE = 100_000;

/** undefined where some are not loaded. */
function cellsOf(range: CellRange, cellAt: (row: number, column: number) => Cell | undefined): Cell[][] | undefined {
  if (range.rowCount * range.columnCount > MAX_COPIED_AT_ONCE) {
    return undefined;
  }
  const cells = Array.from({ length: range.rowCount }, (_, down) =>
    Array.from({ length: range.columnCount }, (_, across) => cellAt(range.row + down, range.column + across)),
  );
  return cells.some((line) => line.includes(undefined)) ? undefined : (cells as Cell[][]);
}

/** What an undo has left alone. */
function report(plan: UndoPlan | undefined): void {
  if (plan === undefined) {
    return;
  }
  const [first] = plan.overwritten;
  if (first) {
    const more = plan.overwritten.length > 1 ? ` and ${plural(plan.overwritten.length - 1, 'more cell')}` : '';
    toast(`${cellName(first.row, first.column)}${more} stayed: somebody else has written there since.`, 'danger');
  }
  if (plan.unknown > 0) {
    toast(`${plural(plan.unknown, 'cell')} stayed: what was there before is not known. The history of a cell shows it.`, 'danger');
  }
}
