/** What is copied: the text that is seen, for any program, and the cells themselves, for another sheet of this page. */
import type { Cell } from '../../../spreadsheet/cell.ts';
import { cellValueProblem } from '../../../spreadsheet/cell.ts';
import { formatValue } from '../values/format-value.ts';
import { recogniseInput } from '../values/recognise-input.ts';
import { parseTabbedText, toTabbedText } from './clipboard-text.ts';

const CELLS_TYPE = 'application/x-tidemark-cells+json';

export function textOfCells(cells: readonly (readonly Cell[])[]): string {
  return toTabbedText(cells.map((line) => line.map(formatValue)));
}

export function putOnClipboard(data: DataTransfer, cells: readonly (readonly Cell[])[]): void {
  data.setData('text/plain', textOfCells(cells));
  data.setData(CELLS_TYPE, JSON.stringify(cells));
}

/** @returns what makes cells of it, given the formats that are there; undefined where there is nothing to paste */
export function takeFromClipboard(
  data: DataTransfer,
): ((formatAt: (row: number, column: number) => string | undefined) => Cell[][]) | undefined {
  const cells = parseCells(data.getData(CELLS_TYPE));
  if (cells) {
    return () => cells;
  }
  const text = data.getData('text/plain');
  if (text === '') {
    return undefined;
  }
  const rows = parseTabbedText(text);
  return (formatAt) => rows.map((fields, row) => fields.map((field, column) => recogniseInput(field, formatAt(row, column))));
}

/** Anything may be on a clipboard. */
function parseCells(json: string): Cell[][] | undefined {
  try {
    const rows: unknown = JSON.parse(json);
    const width = Array.isArray(rows) && Array.isArray(rows[0]) ? rows[0].length : 0;
    return width > 0 && (rows as unknown[]).every((line) => Array.isArray(line) && line.length === width && line.every(isCell))
      ? (rows as Cell[][])
      : undefined;
  } catch {
    return undefined;
  }
}

function isCell(cell: Partial<Cell> | null): boolean {
  return (
    typeof cell === 'object' &&
    cell !== null &&
    cell.value !== undefined &&
    cellValueProblem(cell.value) === undefined &&
    (cell.format === undefined || typeof cell.format === 'string')
  );
}
