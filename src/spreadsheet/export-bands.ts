/**
 * The cells of a sheet in bands of rows from the top, for what writes them to a file: however large the sheet, some bands are in memory.
 *
 * Bands end where tiles end, so that a tile is read once, and are as high as a budget of cells and of text allows. The next one is read while one is
 * being written. All bands are of the view's one sequence id.
 */
import { InvalidInputError } from '../errors.ts';
import { rangeName } from './a1.ts';
import type { Cell, CellRange } from './cell.ts';
import type { Sheet } from './open-sheet.ts';
import { TILE_ROWS } from './tile.ts';

export interface ExportProgress {
  /** Rows that are written, of `totalRows`. */
  rows: number;
  totalRows: number;
  /** Cells with a value. */
  cells: number;
}

/** What an export takes, whatever it writes. */
export interface ExportOptions {
  /** A view; not refreshed meanwhile. */
  sheet: Sheet;
  /** Default: from the top left cell to the last row and column that hold a cell. */
  range?: CellRange | undefined;
  signal?: AbortSignal | undefined;
  /** After each band. */
  onProgress?: ((progress: ExportProgress) => void) | undefined;
}

/** Empty cells take room in a file, or at least time. */
const MAX_CELLS = 1_000_000_000;
const BAND_CELLS = 16_384;
/** Up to here a band is at least as high as a tile, so that no tile is read twice. */
const WIDE_BAND_CELLS = 2_000_000;
/** Of one range of a sheet. */
const MAX_RANGE_CELLS = 1_000_000;
/** Characters of a band, above which the next one is lower. */
const BAND_TEXT = 4 * 1024 * 1024;

/** @throws InvalidInputError for a sheet without cells, and for a range of too many */
export async function rangeToExport({ sheet, range }: ExportOptions): Promise<CellRange> {
  if (range === undefined) {
    const { rowCount, columnCount, cellCount } = await sheet.counts();
    if (cellCount === 0) {
      throw new InvalidInputError('The sheet has no cells: there is nothing to export.');
    }
    return checkSize({ row: 0, column: 0, rowCount, columnCount });
  }
  return checkSize(range);
}

function checkSize(range: CellRange): CellRange {
  const cells = range.rowCount * range.columnCount;
  if (cells > MAX_CELLS) {
    throw new InvalidInputError(
      `${rangeName(range)} is ${cells} cells with the empty ones, over the limit of ${MAX_CELLS} of one file. Export a range of it.`,
    );
  }
  return range;
}

export async function* exportBands(range: CellRange, options: ExportOptions): AsyncGenerator<Cell[][], void, undefined> {
  const { sheet, signal, onProgress } = options;
  const end = range.row + range.rowCount;
  let written = 0;
  let cells = 0;
  let height = Math.min(TILE_ROWS, mostRows(range.columnCount));
  let row = range.row;
  const readNext = () => {
    // Up to the end of a tile, unless a band has to be lower than a tile.
    const rowCount = Math.min(height < TILE_ROWS ? height : height - (row % TILE_ROWS), end - row);
    const reading = readBand(sheet, { ...range, row, rowCount });
    reading.catch(() => {}); // awaited later
    row += rowCount;
    return reading;
  };
  for (let coming = readNext(); ; ) {
    const band = await coming;
    signal?.throwIfAborted();
    const size = measure(band);
    height = nextHeight(band.length, size.text, range.columnCount);
    const isLast = row >= end;
    if (!isLast) {
      coming = readNext();
    }
    yield band;
    written += band.length;
    cells += size.cells;
    onProgress?.({ rows: written, totalRows: range.rowCount, cells });
    if (isLast) {
      return;
    }
  }
}

/** A range of a sheet has its own limit of cells: wide bands are put together from several. */
async function readBand(sheet: Sheet, range: CellRange): Promise<Cell[][]> {
  const width = Math.floor(MAX_RANGE_CELLS / range.rowCount);
  if (range.columnCount <= width) {
    return sheet.getRange(range);
  }
  const rows: Cell[][] = Array.from({ length: range.rowCount }, () => []);
  for (let start = 0; start < range.columnCount; start += width) {
    const columnCount = Math.min(width, range.columnCount - start);
    const part = await sheet.getRange({ ...range, column: range.column + start, columnCount });
    part.forEach((line, down) => {
      for (const cell of line) {
        rows[down]?.push(cell);
      }
    });
  }
  return rows;
}

function measure(band: readonly (readonly Cell[])[]): { cells: number; text: number } {
  let cells = 0;
  let text = 0;
  for (const line of band) {
    for (const { value } of line) {
      cells += value === null ? 0 : 1;
      text += typeof value === 'string' ? value.length : 0;
    }
  }
  return { cells, text };
}

/** Lower where there was much text, else a tile, or up to four times as high as before. */
function nextHeight(rows: number, text: number, columns: number): number {
  const byText = text > BAND_TEXT ? Math.max(1, Math.floor((rows * BAND_TEXT) / text)) : Math.max(TILE_ROWS, rows * 4);
  const height = Math.min(byText, mostRows(columns));
  return height < TILE_ROWS ? height : height - (height % TILE_ROWS);
}

function mostRows(columns: number): number {
  const wholeTiles = Math.min(TILE_ROWS, Math.max(1, Math.floor(WIDE_BAND_CELLS / columns)));
  return Math.max(wholeTiles, Math.floor(BAND_CELLS / columns));
}
