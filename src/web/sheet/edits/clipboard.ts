/** What is copied: the text that is seen, for any program, and the cells themselves, for this page. */
import { InvalidInputError } from '../../../errors.ts';
import type { Cell } from '../../../spreadsheet/cell.ts';
import { cellValueProblem } from '../../../spreadsheet/cell.ts';
import { formatValue } from '../values/format-value.ts';
import { recogniseInput } from '../values/recognise-input.ts';
import { parseTabbedText, toTabbedText } from './clipboard-text.ts';

const CELLS_TYPE = 'application/x-tidemark-cells+json';

function textOfCells(cells: readonly (readonly Cell[])[]): string {
  return toTabbedText(cells.map((line) => line.map(formatValue)));
}

/** Of what was copied last without an event to give cells to; its text is what is on the clipboard, unless something was copied since. */
let lastCopied: { text: string; cells: Cell[][] } | undefined;

/** In the event of a copy: nothing else may be waited for. */
export function putOnClipboard(data: DataTransfer, cells: readonly (readonly Cell[])[]): void {
  data.setData('text/plain', textOfCells(cells));
  data.setData(CELLS_TYPE, JSON.stringify(cells));
}

/** After that event. @throws where the browser does not let it */
export async function sendToClipboard(clipboard: Pick<Clipboard, 'writeText'> | undefined, cells: Cell[][]): Promise<void> {
  if (clipboard === undefined) {
    throw new InvalidInputError('This browser copies cells that are not loaded only on a page that came over HTTPS. Scroll to them first.');
  }
  const text = textOfCells(cells);
  await clipboard.writeText(text);
  lastCopied = { text, cells };
}

/** @returns what makes cells of it, given the formats that are there; undefined where there is nothing to paste */
export function takeFromClipboard(
  data: Pick<DataTransfer, 'getData'>,
): ((formatAt: (row: number, column: number) => string | undefined) => Cell[][]) | undefined {
  const cells = parseCells(data.getData(CELLS_TYPE));
  if (cells) {
    return () => cells;
  }
  const text = data.getData('text/plain');
  if (text === '') {
    return undefined;
  }
  if (lastCopied && sameLines(lastCopied.text, text)) {
    const { cells: copied } = lastCopied;
    return () => copied;
  }
  const rows = parseTabbedText(text);
  return (formatAt) => rows.map((fields, row) => fields.map((field, column) => recogniseInput(field, formatAt(row, column))));
}

/** Some systems have line breaks of their own. */
const sameLines = (one: string, other: string) => one.replaceAll('\r\n', '\n') === other.replaceAll('\r\n', '\n');

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
