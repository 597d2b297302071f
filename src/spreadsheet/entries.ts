/**
 * The entries of a sheet, checked at the edge: what is refused here is never stored.
 *
 * SetCellValueAndFormat writes one cell, SetCellRange a rectangle of them from its top left cell on. Both set value and format.
 * EraseCells puts a marker into every cell of its ranges; with `pending: 'erase'` a worker takes the values out of all that was before.
 */
import { z } from 'zod';
import { MAX_ENTRY_BYTES } from '../event-log/entry-data.ts';
import { utf8Length } from '../utf8-length.ts';
import {
  CELL_ERROR_VALUES,
  type CellRange,
  cellValueProblem,
  MAX_COLUMNS,
  MAX_FORMAT_LENGTH,
  MAX_ROWS,
  shown,
  textProblem,
} from './cell.ts';

function place(limit: number) {
  const error = ({ input }: { input?: unknown }) => `${shown(input)} is outside a sheet; use an integer from 0 to ${limit - 1}`;
  return z
    .int({ error })
    .min(0, { error })
    .max(limit - 1, { error });
}

function textUpTo(limit?: number) {
  return z.string().superRefine((text, context) => {
    const problem = textProblem(text, limit);
    if (problem !== undefined) {
      context.addIssue({ code: 'custom', message: problem });
    }
  });
}

const row = place(MAX_ROWS);
const column = place(MAX_COLUMNS);
const format = textUpTo(MAX_FORMAT_LENGTH).min(1, { error: 'an empty format code; leave it out for none' }).optional();
const cellError = z.strictObject({ type: z.literal('CellError'), value: z.enum(CELL_ERROR_VALUES) });
const value = z.union([textUpTo(), z.number(), z.boolean(), z.null(), cellError], {
  error: ({ input }) => cellValueProblem(input) ?? 'no cell value',
});

const setCell = z.strictObject({ type: z.literal('SetCellValueAndFormat'), row, column, value, format });

const setRange = z
  .strictObject({
    type: z.literal('SetCellRange'),
    row,
    column,
    /** Rows of one length. */
    values: z.array(z.array(value).min(1, { error: 'a row without cells' })).min(1, { error: 'no rows' }),
    format,
    /** An import that these rows are part of: its name, how many rows of it are in the sheet with these, and the hash of them all. */
    source: z.strictObject({ name: textUpTo(200), rows: z.int().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/) }).optional(),
  })
  .superRefine((entry, context) => {
    const problem = rangeProblem(entry);
    if (problem !== undefined) {
      context.addIssue({ code: 'custom', message: problem });
    }
  });

function rangeProblem(entry: { row: number; column: number; values: readonly (readonly unknown[])[] }): string | undefined {
  const width = entry.values[0]?.length ?? 0;
  const ragged = entry.values.findIndex((cells) => cells.length !== width);
  if (ragged >= 0) {
    return `values[${ragged}] has ${entry.values[ragged]?.length} cells and values[0] has ${width}; give every row the same number, null for an empty cell`;
  }
  if (entry.row + entry.values.length > MAX_ROWS || entry.column + width > MAX_COLUMNS) {
    return `${entry.values.length} rows of ${width} cells from row ${entry.row}, column ${entry.column} on reach past the end of a sheet (${MAX_ROWS} rows, ${MAX_COLUMNS} columns)`;
  }
  const text = JSON.stringify(entry);
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  const bytes = text.length * 3 <= MAX_ENTRY_BYTES ? 0 : utf8Length(text);
  return bytes > MAX_ENTRY_BYTES
    ? `it takes ${bytes} bytes of JSON, over the limit of ${MAX_ENTRY_BYTES}; write fewer rows per entry`
    : undefined;
}

/** One erasure. Each range may lie in tiles of its own, of which every one is read and written. */
export const MAX_ERASED_CELLS = 10_000;

const count = z.int().min(1);
const eraseCells = z
  .strictObject({
    type: z.literal('EraseCells'),
    ranges: z.array(z.strictObject({ row, column, rowCount: count, columnCount: count })).min(1, { error: 'no ranges' }),
    /** For whoever reads the log. */
    reason: textUpTo(500).optional(),
  })
  .superRefine(({ ranges }, context) => {
    const problem = erasureProblem(ranges);
    if (problem !== undefined) {
      context.addIssue({ code: 'custom', message: problem });
    }
  });

function erasureProblem(ranges: readonly CellRange[]): string | undefined {
  const outside = ranges.findIndex((range) => range.row + range.rowCount > MAX_ROWS || range.column + range.columnCount > MAX_COLUMNS);
  if (outside >= 0) {
    return `ranges[${outside}] reaches past the end of a sheet (${MAX_ROWS} rows, ${MAX_COLUMNS} columns)`;
  }
  const cells = ranges.reduce((sum, { rowCount, columnCount }) => sum + rowCount * columnCount, 0);
  return cells > MAX_ERASED_CELLS
    ? `its ranges have ${cells} cells, over the limit of ${MAX_ERASED_CELLS}; erase them in several entries`
    : undefined;
}

export const sheetEntry = z.discriminatedUnion('type', [setCell, setRange, eraseCells], {
  error: ({ input }) =>
    `type ${shown((input as { type?: unknown })?.type)} is unknown; use SetCellValueAndFormat, SetCellRange or EraseCells`,
});

export type SheetEntry = z.output<typeof sheetEntry>;
/** How far an import has come, as its entries say. */
export type ImportMark = NonNullable<z.output<typeof setRange>['source']>;
