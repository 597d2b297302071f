import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cell, CellValue } from '../../src/spreadsheet/cell.ts';
import { type ExportCsvOptions, exportCsv } from '../../src/spreadsheet/export-csv.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { anyRows, anyValue, cellsOf, collect, imported, newSheet, sheetOf, type Target, valuesOf } from './file-fixtures.ts';
import { cell, snapshotAt, watchBlobs } from './snapshot-fixtures.ts';

const plain = (rows: readonly (readonly CellValue[])[]): Cell[][] => rows.map((row) => row.map((value) => ({ value })));

async function exported(target: Target, options: Partial<ExportCsvOptions> = {}): Promise<string> {
  return (await collect(exportCsv({ sheet: await openSheet(target), ...options }))).toString();
}

describe('a round trip', () => {
  test('gives every value back exactly, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(anyRows(anyValue, 'end'), fc.constantFrom(',', ';', '|', '\t'), async (rows, delimiter) => {
        const content = await exported(await sheetOf(plain(rows)), { delimiter });
        expect(valuesOf((await imported(content, { delimiter })).cells)).toEqual(rows);
      }),
      { numRuns: 500 },
    );
  });

  test('of an import gives the same file again', async () => {
    const content = 'id,"zip",day,note\n1,00501,2024-01-31,"a ""b"", c"\n-2.5,"12",2024-01-31T08:30:00Z,\n';
    const { into } = await imported(content);
    expect(await exported(into)).toBe(content.replace('"zip"', 'zip'));
  });

  test('keeps the formats that are dates in ISO, and the values under every other', async () => {
    const rows: Cell[][] = [
      [
        { value: 45_351, format: 'yyyy-mm-dd' },
        { value: 45_351.5, format: 'yyyy-mm-dd hh:mm' },
        { value: 0.5, format: '0%' },
      ],
      [
        { value: 45_351.25, format: 'yyyy-mm-dd' },
        { value: 45_351, format: 'm/d/yyyy' },
        { value: 45_351.123_456_789_01, format: 'd-mmm' },
      ],
      [
        { value: -1, format: 'yyyy-mm-dd' },
        { value: 60, format: 'yyyy-mm-dd' },
        { value: 'x', format: 'yyyy-mm-dd' },
      ],
    ];
    const content = await exported(await sheetOf(rows));
    expect(content).toBe('2024-02-29,2024-02-29 12:00,0.5\n45351.25,2024-02-29,45351.12345678901\n-1,60,x\n');
    const { cells } = await imported(content);
    expect(valuesOf(cells)).toEqual(valuesOf(rows));
    expect(cells[0]?.slice(0, 2)).toEqual(rows[0]?.slice(0, 2));
  });
});

describe('text that could be a formula', () => {
  const rows = plain([['=1+2', '+1', '-x', '@a', '\tx', 'plain', -5]]);

  test('is written as it is, and comes back', async () => {
    expect(await exported(await sheetOf(rows))).toBe('=1+2,+1,-x,@a,\tx,plain,-5\n');
  });

  test('has an apostrophe before it where that is asked for; numbers have none', async () => {
    expect(await exported(await sheetOf(rows), { escapeFormulas: true })).toBe("'=1+2,'+1,'-x,'@a,'\tx,plain,-5\n");
  });
});

describe('what is exported', () => {
  test('is a range of the sheet, or the sheet as it was', async () => {
    const target = await newSheet([cell(0, 0, 1), cell(1, 1, 2), cell(2, 2, 3), cell(1, 1, 'later')]);
    expect(await exported(target, { range: { row: 1, column: 1, rowCount: 2, columnCount: 2 } })).toBe('later,\n,3\n');
    const before = await openSheet({ ...target, at: 3n });
    expect((await collect(exportCsv({ sheet: before }))).toString()).toBe('1,,\n,2,\n,,3\n');
  });

  test('is every row of a large sheet once, in order, whatever the bands', async () => {
    const rows = Array.from({ length: 3_000 }, (_, row) => [
      row,
      `t${row}`,
      row % 3 === 0 ? null : row / 7,
      'x'.repeat(row % 500 === 0 ? 30_000 : 3),
    ]);
    const { into: target, value } = await imported(rows.map((row) => row.map((one) => one ?? '').join(',')).join('\n'));
    await snapshotAt({ ...target, logType: sheet, sequenceId: value.sequenceId - 1n });
    const seen: number[] = [];
    const content = await exported(target, { onProgress: ({ rows: done }) => void seen.push(done) });
    const lines = rows.map((row) => `${row.map((one) => one ?? '').join(',')}\n`);
    expect(content).toBe(lines.join(''));
    expect(seen.at(-1)).toBe(3_000);
    expect(new Set(seen).size).toBe(seen.length);
    const { dir, reads } = watchBlobs(target.blobs);
    const range = { row: 100, column: 0, rowCount: 2_900, columnCount: 4 };
    expect(await exported({ ...target, blobs: dir }, { range })).toBe(lines.slice(100).join(''));
    expect(reads.length).toBeGreaterThan(20);
    expect(new Set(reads).size, 'no tile is read twice').toBe(reads.length);
  });

  test('may be wider than a range of a sheet', async () => {
    const target = await newSheet([cell(0, 0, 'a'), cell(0, 1_048_575, 'z'), cell(200, 3, 'm')]);
    const content = await exported(target, { range: { row: 0, column: 0, rowCount: 2, columnCount: 1_048_576 } });
    expect(content).toBe(`a${','.repeat(1_048_575)}z\n${','.repeat(1_048_575)}\n`);
  });

  test('is refused where it would be too large, or nothing, or with a delimiter that numbers hold', async () => {
    const far = await newSheet([cell(0, 0, 1), cell(2 ** 30 - 1, 2 ** 20 - 1, 2)]);
    await expect(exported(far)).rejects.toThrow(
      'cells with the empty ones, over the limit of 1000000000 of one file. Export a range of it.',
    );
    await expect(exported(await newSheet())).rejects.toThrow('The sheet has no cells: there is nothing to export.');
    await expect(exported(far, { delimiter: '.' })).rejects.toThrow(
      "'.' cannot stand between the fields of an export: use ',', ';', '|' or a tab.",
    );
  });

  test('stops when it is told to', async () => {
    const { into } = await imported('a\n1\n');
    await expect(exported(into, { signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped');
    expect(valuesOf(await cellsOf(into))).toEqual([['a'], [1]]);
  });
});
