/**
 * The sheet as it was at a moment, read from the server as far as it is seen. While another moment is on its way the last one stays, so that
 * walking through time shows what changes and does not flicker.
 */

import type { Cell, CellRange } from '../../spreadsheet/cell.ts';
import { createStore, type Store } from '../store.ts';
import { isInRange } from './grid/selection.ts';
import { cellsAt } from './sheet-requests.ts';
import type { SheetClient } from './use-live-sheet.ts';

export interface PastView {
  readonly at: bigint;
  /** What is shown is of this moment. */
  readonly isThere: boolean;
  readonly error?: Error;
  getCell(row: number, column: number): Cell | undefined;
}

export interface PastSheet {
  readonly view: Store<PastView>;
  setMoment(at: bigint): void;
  setViewport(range: CellRange): void;
  retry(): void;
  close(): void;
}

/** Of one request to the server. */
const MAX_CELLS = 100_000;

export function createPastSheet(client: SheetClient, sheetId: string, at: bigint): PastSheet {
  let loaded: { range: CellRange; cells: Cell[][]; at: bigint } | undefined;
  let wanted: CellRange | undefined;
  let request: AbortController | undefined;
  const view = createStore<PastView>(viewOf());

  function viewOf(error?: Error): PastView {
    const shown = loaded;
    return {
      at,
      isThere: shown?.at === at,
      ...(error ? { error } : {}),
      getCell: (row, column) =>
        shown && isInRange(shown.range, { row, column }) ? shown.cells[row - shown.range.row]?.[column - shown.range.column] : undefined,
    };
  }

  async function load(): Promise<void> {
    request?.abort();
    if (wanted === undefined) {
      return;
    }
    request = new AbortController();
    const { signal } = request;
    const range = { ...wanted, rowCount: Math.min(wanted.rowCount, Math.floor(MAX_CELLS / wanted.columnCount)) };
    const moment = at;
    view.set(viewOf());
    try {
      const cells = await cellsAt(client, sheetId, range, moment, signal);
      loaded = { range, cells, at: moment };
      view.set(viewOf());
    } catch (error) {
      if (!signal.aborted) {
        view.set(viewOf(error as Error));
      }
    }
  }

  return {
    view,
    setMoment(moment) {
      at = moment;
      void load();
    },
    setViewport(range) {
      wanted = range;
      void load();
    },
    retry: () => void load(),
    close: () => request?.abort(),
  };
}
