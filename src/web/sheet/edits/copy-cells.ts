/**
 * Copies cells to the clipboard: at once where they are loaded, and after loading them where not. A cut takes away what was copied, once it is
 * on the clipboard, and only cells that still are as they were copied.
 */
import { InvalidInputError } from '../../../errors.ts';
import { rangeName } from '../../../spreadsheet/a1.ts';
import type { Cell, CellRange } from '../../../spreadsheet/cell.ts';
import { putOnClipboard, sendToClipboard } from './clipboard.ts';
import type { SheetEdits } from './sheet-edits.ts';

export interface CopyOptions {
  edits: Pick<SheetEdits, 'used' | 'read' | 'clearTaken'>;
  /** Of the event. */
  data: DataTransfer;
  /** For what comes too late for the event. */
  clipboard: Pick<Clipboard, 'writeText'> | undefined;
  range: CellRange;
  /** What is shown. */
  cellAt: (row: number, column: number) => Cell | undefined;
  /** It is of an earlier moment: what is not loaded of it cannot be had here. */
  isPast: boolean;
  isCut: boolean;
}

const MAX_COPIED_AT_ONCE = 100_000;

/** @throws where nothing was copied; then nothing was cut */
export async function copyCells({ edits, data, clipboard, range, cellAt, isPast, isCut }: CopyOptions): Promise<void> {
  let copied = range;
  let cells = cellsOf(range, cellAt);
  if (cells === undefined && isPast) {
    throw new InvalidInputError(`Not all cells of ${rangeName(range)} are loaded: nothing was copied. Select fewer.`);
  }
  if (cells === undefined) {
    copied = edits.used(range) ?? { ...range, rowCount: 1, columnCount: 1 };
    cells = cellsOf(copied, cellAt);
  }
  if (cells) {
    putOnClipboard(data, cells);
  } else {
    cells = await edits.read(copied);
    await sendToClipboard(clipboard, cells);
  }
  if (isCut) {
    edits.clearTaken(copied, cells);
  }
}

/** undefined where some are not loaded, or it is too many. */
function cellsOf(range: CellRange, cellAt: CopyOptions['cellAt']): Cell[][] | undefined {
  if (range.rowCount * range.columnCount > MAX_COPIED_AT_ONCE) {
    return undefined;
  }
  const cells = Array.from({ length: range.rowCount }, (_, down) =>
    Array.from({ length: range.columnCount }, (_, across) => cellAt(range.row + down, range.column + across)),
  );
  return cells.some((line) => line.includes(undefined)) ? undefined : (cells as Cell[][]);
}
