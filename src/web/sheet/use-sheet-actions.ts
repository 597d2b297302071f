/** The edits of a sheet as a page does them: on what is selected, with a word to the person where something could not be done. */
import { type ClipboardEvent, useMemo } from 'react';
import { CellConflictError, errorMessage } from '../../errors.ts';
import { cellName } from '../../spreadsheet/a1.ts';
import type { CellRange } from '../../spreadsheet/cell.ts';
import { plural } from '../format.ts';
import { toast } from '../toasts.tsx';
import type { WatchedSheet } from '../unsaved-edits.ts';
import { takeFromClipboard } from './edits/clipboard.ts';
import { type CopyOptions, copyCells } from './edits/copy-cells.ts';
import { createSheetEdits, type EditBeginning, type SheetEdits } from './edits/sheet-edits.ts';
import type { UndoPlan } from './edits/undo-stack.ts';
import type { Place } from './grid/selection.ts';

export interface SheetActions {
  edits: SheetEdits;
  /** Where somebody has written the cell since the editor began, the person is asked. */
  enter(place: Place, text: string, began: EditBeginning): void;
  clear(range: CellRange): void;
  fill(range: CellRange, direction: 'down' | 'right'): void;
  setFormat(range: CellRange, change: (format: string | undefined) => string | undefined): void;
  undo(): void;
  redo(): void;
  /** Copies or cuts, as the event says. */
  copy(event: ClipboardEvent, range: CellRange, shown: Pick<CopyOptions, 'cellAt' | 'isPast' | 'isCut'>): void;
  /** @returns where it was pasted */
  paste(event: ClipboardEvent, range: CellRange): CellRange | undefined;
}

export function useSheetActions(opened: WatchedSheet): SheetActions {
  return useMemo(() => createSheetActions(opened), [opened]);
}

function createSheetActions({ live, unwritten }: WatchedSheet): SheetActions {
  const edits = createSheetEdits(live);

  async function say(action: () => unknown): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof CellConflictError) {
        unwritten.set([...unwritten.get(), error]);
      } else {
        toast(errorMessage(error), 'danger');
      }
    }
  }

  return {
    edits,
    enter: (place, text, began) => void say(() => edits.enter(place, text, began)),
    clear: (range) => void say(() => edits.clear(range)),
    fill: (range, direction) => void say(() => edits.fill(range, direction)),
    setFormat: (range, change) => void say(() => edits.setFormat(range, change)),
    undo: () => void say(async () => report(await edits.undo())),
    redo: () => void say(async () => report(await edits.redo())),
    copy(event, range, shown) {
      event.preventDefault();
      const { clipboardData: data } = event;
      void say(() => copyCells({ ...shown, edits, data, clipboard: navigator.clipboard, range }));
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
