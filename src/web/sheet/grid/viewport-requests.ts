/**
 * Asks for the cells that are seen while somebody scrolls. Near what was asked for last that is every 80 ms, while scrolling goes on; far from it,
 * as when a scroll bar is dragged through everything, once it has come to rest.
 */
import type { CellRange } from '../../../spreadsheet/cell.ts';

export interface ViewportRequests {
  want(range: CellRange): void;
  close(): void;
}

const WAIT_MS = 80;

export function createViewportRequests(ask: (range: CellRange) => void): ViewportRequests {
  let wanted: CellRange | undefined;
  let asked: CellRange | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    want(range) {
      if (wanted && isSame(range, wanted)) {
        return;
      }
      wanted = range;
      if (asked && !touches(range, asked)) {
        clearTimeout(timer);
        timer = undefined;
      }
      timer ??= setTimeout(() => {
        timer = undefined;
        asked = wanted;
        if (wanted) {
          ask(wanted);
        }
      }, WAIT_MS);
    },
    close: () => clearTimeout(timer),
  };
}

function isSame(one: CellRange, other: CellRange): boolean {
  return one.row === other.row && one.column === other.column && one.rowCount === other.rowCount && one.columnCount === other.columnCount;
}

function touches(one: CellRange, other: CellRange): boolean {
  return (
    one.row <= other.row + other.rowCount &&
    other.row <= one.row + one.rowCount &&
    one.column <= other.column + other.columnCount &&
    other.column <= one.column + one.columnCount
  );
}
