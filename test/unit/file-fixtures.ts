/** What the tests of imports and exports share. */
import * as fc from 'fast-check';
import { CELL_ERROR_VALUES, type Cell, type CellValue } from '../../src/spreadsheet/cell.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { type ImportCsvOptions, importCsv } from '../../src/spreadsheet/import-csv.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { newBlobs, newLog } from './snapshot-fixtures.ts';

async function* bytesOf(content: string | Uint8Array, size = 1_000_000): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  for (let start = 0; start < bytes.length; start += size) {
    yield bytes.subarray(start, start + size);
  }
}

export async function newSheet(entries: readonly SheetEntry[] = []) {
  return { log: await newLog<SheetEntry>(entries), blobs: await newBlobs() };
}

export type Target = Awaited<ReturnType<typeof newSheet>>;

export const load = (into: Target, content: string | Uint8Array, options: Partial<ImportCsvOptions> = {}) =>
  importCsv({ ...into, source: bytesOf(content), name: 'a.csv', ...options });

/** The sheet of a file, and what the import said. */
export async function imported(content: string | Uint8Array, options: Partial<ImportCsvOptions> = {}) {
  const into = await newSheet();
  const value = await load(into, content, options);
  return { into, value, cells: await cellsOf(into) };
}

/** Every cell from the top left one to the last ones that hold a value. */
export async function cellsOf(target: Target): Promise<Cell[][]> {
  const sheet = await openSheet(target);
  const { rowCount, columnCount } = await sheet.counts();
  return rowCount === 0 ? [] : sheet.getRange({ row: 0, column: 0, rowCount, columnCount });
}

export const valuesOf = (cells: readonly (readonly Cell[])[]) => cells.map((row) => row.map(({ value }) => value));

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A sheet in which each of these cells was written by itself. */
export function sheetOf(rows: readonly (readonly Cell[])[]): Promise<Target> {
  return newSheet(
    rows.flatMap((cells, row) =>
      cells.flatMap((cell, column): SheetEntry[] => (cell.value === null ? [] : [{ type: 'SetCellValueAndFormat', row, column, ...cell }])),
    ),
  );
}

const ODD_TEXTS = [
  '',
  ' ',
  '12',
  '-0',
  '007',
  '1.50',
  '1e5',
  '1e+21',
  'TRUE',
  'true',
  'FALSE',
  '#REF!',
  '#N/A',
  '2024-02-29',
  '2023-02-29',
  '1900-02-29',
  '2024-02-29T08:30:00Z',
  '=1+2',
  "'x",
  '@a',
  '+1',
  '-',
  'a,b',
  'a;b',
  '"',
  '""',
  'a"b',
  '\n',
  '\r',
  '\r\n',
  'a\rb',
  '\t',
  '\ufeff',
  '\ufeffx',
  '\u2028',
  'é😀',
  '_x0041_',
  '_x000D_',
  '__x0041_',
  '\u0001',
  '\u001f',
  '\ufffe',
  '\uffff',
  '<a>&amp;</a>',
  ']]>',
  '  two  spaces  ',
]; // prettier-ignore

export const anyText = fc.oneof(
  fc.constantFrom(...ODD_TEXTS),
  fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !/\0|\p{Surrogate}/u.test(text)),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ' ', '1', 'T', '#', '_', 'x', '0', 'é'), maxLength: 12 }),
);

const ODD_NUMBERS = [
  0,
  -1,
  0.1 + 0.2,
  1e21,
  -1e-7,
  5e-324,
  Number.MAX_VALUE,
  Number.MAX_SAFE_INTEGER,
  45_351.354_166_666_664,
  61,
  2_958_465,
];

export const anyNumber = fc.oneof(
  fc.constantFrom(...ODD_NUMBERS),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
  fc.integer(),
);

export const anyValue: fc.Arbitrary<CellValue> = fc.oneof(
  fc.constant(null),
  anyText,
  anyNumber,
  fc.boolean(),
  fc.constantFrom(...CELL_ERROR_VALUES).map((value) => ({ type: 'CellError' as const, value })),
);

/** Rows of one length with a cell in the last row and the last column, so that their size comes back. */
export const anyRows = <ValueT>(value: fc.Arbitrary<ValueT>, last: ValueT): fc.Arbitrary<ValueT[][]> =>
  fc
    .integer({ min: 1, max: 5 })
    .chain((width) =>
      fc
        .array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 })
        .map((rows) => [...rows.slice(0, -1), [...(rows.at(-1) as ValueT[]).slice(0, -1), last]]),
    );
