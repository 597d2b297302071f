/** What is selected, and where keys and the pointer move it. */
import { useState } from 'react';
import { parseRange } from '../../spreadsheet/a1.ts';
import { edgeOfData } from './grid/edge-of-data.ts';
import type { KeyCommand } from './grid/keys.ts';
import type { GridPlace } from './grid/pointer.ts';
import { moveTo, type Place, rangeOf, type Selection, select, selectRange, step } from './grid/selection.ts';

export interface SelectionOptions {
  isFilled(place: Place): boolean | undefined;
  counts(): { rowCount: number; columnCount: number };
  pageRows(): number;
  /** Where the selection has moved to. */
  reveal(place: Place): void;
}

export interface SelectionState {
  selection: Selection;
  set(selection: Selection): void;
  /** @returns false for a key that does not move it */
  press(command: KeyCommand): boolean;
  point(at: GridPlace, isExtended: boolean): void;
  /** @param text 'B7' or 'A1:F20'. @throws InvalidInputError */
  goTo(text: string): void;
}

export function useSelection({ isFilled, counts, pageRows, reveal }: SelectionOptions): SelectionState {
  const [selection, setSelection] = useState<Selection>(() => select({ row: 0, column: 0 }));

  function move(next: Selection, towards: Place): void {
    setSelection(next);
    reveal(towards);
  }

  function press(command: KeyCommand): boolean {
    const from = 'isExtended' in command && command.isExtended ? selection.extent : selection.active;
    const { rowCount, columnCount } = counts();
    const last = { row: Math.max(0, rowCount - 1), column: Math.max(0, columnCount - 1) };
    switch (command.type) {
      case 'move': {
        const { rows, columns, by, isExtended } = command;
        const to = by === 'edge' ? edge(from, rows, columns) : near(from, rows * (by === 'page' ? pageRows() : 1), columns);
        const next = moveTo(selection, to, isExtended);
        move(next, isExtended ? next.extent : next.active);
        return true;
      }
      case 'go': {
        const { to, isExtended } = command;
        const place = {
          'row-start': { ...from, column: 0 },
          'row-end': { ...from, column: last.column },
          first: { row: 0, column: 0 },
          last,
        }[to];
        const next = moveTo(selection, place, isExtended);
        move(next, place);
        return true;
      }
      case 'step': {
        const next = step(selection, command);
        move(next, next.active);
        return true;
      }
      case 'select-all':
        setSelection({
          ...selectRange({ row: 0, column: 0, rowCount: last.row + 1, columnCount: last.column + 1 }),
          active: selection.active,
        });
        return true;
      case 'select-row':
      case 'select-column': {
        const range = rangeOf(selection);
        const whole =
          command.type === 'select-row'
            ? { ...range, column: 0, columnCount: last.column + 1 }
            : { ...range, row: 0, rowCount: last.row + 1 };
        setSelection({ ...selectRange(whole), active: selection.active });
        return true;
      }
      default:
        return false;
    }
  }

  function edge(from: Place, rows: number, columns: number): Place {
    const by = rows === 0 ? { columns: columns < 0 ? (-1 as const) : (1 as const) } : { rows: rows < 0 ? (-1 as const) : (1 as const) };
    return edgeOfData(from, by, { isFilled, counts: counts() });
  }

  return {
    selection,
    set: setSelection,
    press,
    point({ kind, place }, isExtended) {
      const { rowCount, columnCount } = counts();
      const end = {
        row: kind === 'column' || kind === 'corner' ? Math.max(0, rowCount - 1) : place.row,
        column: kind === 'row' || kind === 'corner' ? Math.max(0, columnCount - 1) : place.column,
      };
      const start = {
        row: kind === 'cell' || kind === 'row' ? place.row : 0,
        column: kind === 'cell' || kind === 'column' ? place.column : 0,
      };
      setSelection((before) => (isExtended ? { ...before, extent: end } : { active: start, anchor: start, extent: end }));
    },
    goTo(text) {
      const next = selectRange(parseRange(text));
      move(next, next.active);
    },
  };
}

const near = (from: Place, rows: number, columns: number): Place => ({ row: from.row + rows, column: from.column + columns });
