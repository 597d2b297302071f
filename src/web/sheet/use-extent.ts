/** How many rows and columns the grid shows: those in use and a margin, more as somebody goes on. It never shrinks while the sheet is shown. */
import { useState } from 'react';
import { MAX_COLUMNS, MAX_ROWS } from '../../spreadsheet/cell.ts';
import type { Place } from './grid/selection.ts';

export interface Extent {
  rowCount: number;
  columnCount: number;
  /** So that this cell is within. */
  reach(place: Place): void;
  grow(end: 'rows' | 'columns'): void;
}

const MARGIN = { rows: 200, columns: 26 };
const AT_LEAST = { rows: 1_000, columns: 52 };

export function useExtent(counts: { rowCount: number; columnCount: number }): Extent {
  const [reached, setReached] = useState({ rows: AT_LEAST.rows, columns: AT_LEAST.columns });
  const rowCount = Math.min(MAX_ROWS, Math.max(reached.rows, counts.rowCount + MARGIN.rows));
  const columnCount = Math.min(MAX_COLUMNS, Math.max(reached.columns, counts.columnCount + MARGIN.columns));
  if (rowCount > reached.rows || columnCount > reached.columns) {
    setReached({ rows: Math.max(reached.rows, rowCount), columns: Math.max(reached.columns, columnCount) });
  }
  return {
    rowCount,
    columnCount,
    reach: ({ row, column }) =>
      setReached((now) => ({
        rows: Math.max(now.rows, row + 1 + MARGIN.rows),
        columns: Math.max(now.columns, column + 1 + MARGIN.columns),
      })),
    grow: (end) => setReached((now) => ({ ...now, [end]: now[end] + (end === 'rows' ? 1_000 : MARGIN.columns) })),
  };
}
