/** Live sheets in tests: a log that fails on demand, and what every client must come to in the end. */
import { expect } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import type { LiveSheet, LiveSheetOptions, SheetView } from '../../src/live-sheet/types.ts';
import type { Cell } from '../../src/spreadsheet/cell.ts';
import { openSheet, type SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { until } from './until.ts';

/** before: nothing has happened; after: it has, and the answer is lost; never: it happens, and there is no answer at all. */
export type Trouble = 'before' | 'after' | 'never' | undefined;

export function troubledLog(log: SheetLog, trouble: (call: 'append' | 'query') => Trouble | Promise<Trouble>): SheetLog {
  const through = async <T>(call: 'append' | 'query', body: () => Promise<T>): Promise<T> => {
    const kind = await trouble(call);
    if (kind === 'before') throw new Error('connection refused');
    const value = await body();
    if (kind === 'after') throw new Error('connection terminated');
    if (kind === 'never') await new Promise(() => {});
    return value;
  };
  return {
    addEntry: (...args) => through('append', () => log.addEntry(...args)),
    addEntries: (...args) => through('append', () => log.addEntries(...args)),
    query: (...args) => through('query', () => log.query(...args)),
    setMetadata: (...args) => log.setMetadata(...args),
    completeWorkflow: (...args) => log.completeWorkflow(...args),
    truncate: (...args) => log.truncate(...args),
    subscribe: (...args) => log.subscribe(...args),
  };
}

/** Opens live sheets with short waits, and closes them when the test ends. */
export function liveSheets(onEnd: (close: () => Promise<void>) => void) {
  return async (log: SheetLog, blobs: BlobDir, options: Partial<LiveSheetOptions> = {}): Promise<LiveSheet> => {
    const live = await openSheet({ log, blobs, live: true, pollMs: 20, retryMs: 2, ...options });
    onEnd(() => live.close());
    return live;
  };
}

export function cellsOf(view: SheetView, { rows, columns }: { rows: number; columns: number }): Map<string, Cell | undefined> {
  const cells = new Map<string, Cell | undefined>();
  view.getRange({ row: 0, column: 0, rowCount: rows, columnCount: columns }).forEach((line, row) => {
    line.forEach((cell, column) => {
      if (cell?.value !== null) cells.set(`${row},${column}`, cell);
    });
  });
  return cells;
}

export const whenView = (live: LiveSheet, name: string, condition: (view: SheetView) => boolean) =>
  until(name, () => condition(live.view), 5_000);

export const caughtUp = (live: LiveSheet, sequenceId: bigint) =>
  whenView(live, `the view is at ${sequenceId}`, (view) => view.sequenceId >= sequenceId);

/** No cell of the range that a view shows is missing from a later one. Call it before anything is shown. */
export function watchShownCells(live: LiveSheet, area: { rows: number; columns: number }): { lost: string[] } {
  const shown = new Set<string>();
  const lost: string[] = [];
  const look = () => {
    live.view.getRange({ row: 0, column: 0, rowCount: area.rows, columnCount: area.columns }).forEach((line, row) => {
      line.forEach((cell, column) => {
        const key = `${row},${column}`;
        if (cell !== undefined) shown.add(key);
        else if (shown.has(key)) lost.push(key);
      });
    });
  };
  look();
  live.subscribe(look);
  return { lost };
}

export function expectNoneLost({ lost }: { lost: string[] }): void {
  expect(lost.slice(0, 5), 'cells that were shown and then were not').toEqual([]);
}
