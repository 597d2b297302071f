import { truncateSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { readXlsx, writeXlsx } from 'hucre/xlsx';
import { describe, expect, test } from 'vitest';
import { CELL_ERROR_VALUES, type Cell } from '../../src/spreadsheet/cell.ts';
import { exportXlsx } from '../../src/spreadsheet/export-xlsx.ts';
import { importXlsx } from '../../src/spreadsheet/import-xlsx.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { DEFAULT_LIMITS, type WorkbookLimits } from '../../src/spreadsheet/xlsx/limits.ts';
import { readXlsx as readPages } from '../../src/spreadsheet/xlsx/read-xlsx.ts';
import { anyRows, anyValue, cellsOf, collect, newSheet, sheetOf, type Target, valuesOf } from './file-fixtures.ts';
import { cell } from './snapshot-fixtures.ts';
import { importedXlsx, type WorkbookText, workbook, workbookParts, write, zipOf } from './workbook-fixtures.ts';

const imported = async (text: WorkbookText) => importedXlsx(write('a.xlsx', await workbook(text)));
const exported = async (target: Target, options = {}) => collect(exportXlsx({ sheet: await openSheet(target), ...options }));

describe('a round trip', () => {
  test('gives every value and every format back exactly, whatever they are', async () => {
    const format = fc.constantFrom(undefined, undefined, 'yyyy-mm-dd', '0.00', '#,##0 "€ <&>"', '@', 'a\nb\t\r"c"');
    const anyCell = fc
      .tuple(anyValue, format)
      .map(([value, code]): Cell => (value === null || code === undefined ? { value } : { value, format: code }));
    await fc.assert(
      fc.asyncProperty(anyRows(anyCell, { value: 'end' }), async (rows) => {
        const path = write('trip.xlsx', await exported(await sheetOf(rows)));
        expect((await importedXlsx(path)).cells).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });

  test('of few cells far apart stays small', async () => {
    const target = await newSheet([cell(0, 0, 1), cell(70_000, 16_000, 'far'), cell(3, 16_383, true)]);
    const path = write('far.xlsx', await exported(target, { range: { row: 0, column: 16_000, rowCount: 5, columnCount: 384 } }));
    const { value } = await importedXlsx(path);
    expect(value).toMatchObject({ rows: 1, entries: 1, cells: { booleans: 1 } });
  });
});

describe('another program', () => {
  test('reads what is exported', async () => {
    const rows = [
      ['007', 1.5, true],
      ['a "b" <c>\n&', -1e-7, null],
      [' é😀 ', 45_351, 'x'],
    ];
    const file = await exported(await sheetOf(rows.map((row) => row.map((value) => ({ value })))));
    const { sheets } = await readXlsx(file);
    expect(sheets[0]?.rows.map((row) => row.map((value) => value ?? null))).toEqual(rows);
    const dated = await exported(await sheetOf([[{ value: 45_351, format: 'yyyy-mm-dd' }]]), { worksheet: 'a/b:c' });
    const { sheets: read } = await readXlsx(dated);
    expect(read[0]?.name).toBe('a_b_c');
    expect(read[0]?.rows[0]?.[0]).toEqual(new Date('2024-02-29T00:00:00Z'));
  });

  test('writes what is imported: shared strings, leading zeros, dates by style', async () => {
    const file = await writeXlsx({
      sheets: [
        {
          name: 'First',
          rows: [
            ['zip', 'n', 'day'],
            ['00501', 1.5, new Date('2024-02-29T00:00:00Z')],
            ['zip', true, null],
          ],
        },
        { name: 'Second', rows: [['other']] },
      ],
    });
    const { cells, value } = await importedXlsx(write('hucre.xlsx', file));
    expect(cells[1]).toEqual([{ value: '00501' }, { value: 1.5 }, { value: 45_351, format: 'yyyy-mm-dd' }]);
    expect(value).toMatchObject({ worksheet: 'First', rows: 3, cells: { numbers: 1, dates: 1, booleans: 1, texts: 5 } });
    expect(valuesOf((await importedXlsx(write('hucre.xlsx', file), { worksheet: 'Second' })).cells)).toEqual([['other']]);
    await expect(importedXlsx(write('hucre.xlsx', file), { worksheet: 'Third' })).rejects.toThrow(
      "'hucre.xlsx' has no worksheet 'Third'; it has 'First', 'Second'.",
    );
  });
});

describe('cells of a workbook', () => {
  test('of every kind', async () => {
    const { cells, value } = await imported({
      sharedStrings:
        '<si><t>00501</t></si><si><r><t>rich </t></r><r><rPr/><t xml:space="preserve">text </t></r><rPh><t>not this</t></rPh></si><si><t>_x0041__x005F_x0041_</t></si>',
      rows: `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>
        <row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str"><f>"a"</f><v>a&amp;b</v></c><c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c><c t="b"><v>1</v></c></row>
        <row><c><v>1.5E-3</v></c><c t="inlineStr"><is><t> in </t></is></c><c t="e"><v>#BUSY!</v></c><c t="d"><v>2024-02-29T08:30:00</v></c><c t="str"><f>""</f><v></v></c></row>
        <row r="7"><c r="C7" s="0"/><c r="D7" t="s"><f>A1</f></c><c r="E7" t="inlineStr"/><c r="F7"><v><![CDATA[7]]></v></c></row>`,
      after: '<mergeCells count="2"><mergeCell ref="A1:B1"/><mergeCell ref="A4:A5"/></mergeCells>',
      formats: ['0.00'],
    });
    const error = (text: string) => ({ type: 'CellError', value: text });
    expect(valuesOf(cells)).toEqual([
      ['00501', 'rich text ', 'A_x0041_', null, null, null],
      [2, 'a&b', error('#DIV/0!'), true, null, null],
      [0.0015, ' in ', error('#UNKNOWN!'), 45_351 + 8.5 / 24, '', null],
      [null, null, null, null, null, null],
      [null, null, null, null, null, null],
      [null, null, null, null, null, null],
      [null, null, null, null, null, 7],
    ]);
    expect(cells[2]?.[3]?.format).toBe('yyyy-mm-dd"T"hh:mm:ss');
    expect(value.cells).toEqual({ numbers: 3, dates: 1, booleans: 1, texts: 6, errors: 2, formulas: 4, emptyFormulas: 1, mergedAreas: 2 });
  });

  test.each(CELL_ERROR_VALUES)('%s is that error', async (text) => {
    const { cells } = await imported({ rows: `<row><c t="e"><v>${text}</v></c></row>` });
    expect(valuesOf(cells)).toEqual([[{ type: 'CellError', value: text }]]);
  });

  test('have their number formats, also those that every program knows by number', async () => {
    const { cells } = await imported({
      formats: ['yyyy-mm-dd', '#,##0.00 &quot;€&quot;', 'General'],
      rows: '<row><c s="0"><v>45351</v></c><c s="1"><v>1</v></c><c s="2"><v>2</v></c><c s="3"><v>3</v></c><c s="4"><v>45351</v></c><c s="99"><v>4</v></c></row>',
    });
    expect(cells[0]).toEqual([
      { value: 45_351, format: 'yyyy-mm-dd' },
      { value: 1, format: '#,##0.00 "€"' },
      { value: 2 },
      { value: 3 },
      { value: 45_351, format: 'mm-dd-yy' },
      { value: 4 },
    ]);
  });

  test('count days from 1904 where the workbook does, and mean the same days', async () => {
    const { cells } = await imported({
      workbookPr: '<x:workbookPr date1904="1"/>',
      formats: ['yyyy-mm-dd', '0.00', 'h:mm'],
      rows: '<row><c s="0"><v>43889</v></c><c s="1"><v>43889</v></c><c s="2"><v>0.5</v></c></row>',
    });
    expect(cells[0]).toEqual([
      { value: 45_351, format: 'yyyy-mm-dd' },
      { value: 43_889, format: '0.00' },
      { value: 0.5, format: 'h:mm' },
    ]);
  });
});

test('a date and time that another program wrote with other last digits is that second; what was exported here stays as it is', async () => {
  const text = { formats: ['yyyy-mm-dd hh:mm'], rows: '<row><c s="0"><v>46027.3541666667</v></c></row>' };
  expect((await imported(text)).cells).toEqual([[{ value: 46_027 + 8.5 / 24, format: 'yyyy-mm-dd hh:mm' }]]);
  const own = [[{ value: 46_027.354_166_666_7, format: 'yyyy-mm-dd hh:mm' }]];
  expect((await importedXlsx(write('own.xlsx', await exported(await sheetOf(own))))).cells).toEqual(own);
});

describe('an import goes on', () => {
  test('after it was stopped, and refuses another file of that name', async () => {
    const rows = (from: number) =>
      Array.from({ length: 400 }, (_, row) => `<row><c><v>${row + from}</v></c><c s="0"><v>${45_000 + row}</v></c></row>`).join('');
    const path = write('long.xlsx', await workbook({ rows: rows(1), formats: ['yyyy-mm-dd'] }));
    const into = await newSheet();
    const controller = new AbortController();
    const options = { ...into, file: path, thread: false, rowsPerEntry: 10, entriesPerAppend: 4 };
    const onProgress = ({ rows: done }: { rows: number }) => done >= 100 && controller.abort(new Error('killed'));
    await expect(importXlsx({ ...options, signal: controller.signal, onProgress })).rejects.toThrow('killed');
    writeFileSync(path, await workbook({ rows: rows(2), formats: ['yyyy-mm-dd'] }));
    await expect(importXlsx(options)).rejects.toThrow("'long.xlsx: One' is not the file whose first 100 rows are in this sheet.");
    writeFileSync(path, await workbook({ rows: rows(1), formats: ['yyyy-mm-dd'] }));
    expect(await importXlsx(options)).toMatchObject({ rows: 400, rowsBefore: 100, cells: { numbers: 400, dates: 400 } });
    expect(await cellsOf(into)).toEqual((await importedXlsx(path)).cells);
    expect(await importXlsx(options)).toMatchObject({ rows: 400, rowsBefore: 400, entries: 0 });
  });
});

describe('a file that is wrong is one line that says what, and nothing is written', () => {
  async function refusal(path: string, options = {}): Promise<string> {
    const into = await newSheet();
    const error = await importXlsx({ ...into, file: path, thread: false, ...options }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_input' });
    expect(error.message).not.toContain('\n');
    expect((await into.log.query('start', 'end')).entries).toEqual([]);
    return error.message;
  }
  const refusedRows = async (rows: string, more: WorkbookText = {}) => refusal(write('a.xlsx', await workbook({ rows, ...more })));

  test.each([
    ['a PNG', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), "'a.xlsx' is no XLSX workbook: it is a PNG image."],
    ['CSV', 'a,b\n1,2\n', "'a.xlsx' is no XLSX workbook: it is no ZIP archive, which an XLSX workbook is. If it is CSV, name it '.csv'."],
    ['nothing', '', "'a.xlsx' is no XLSX workbook: it is empty."],
    [
      'encrypted',
      Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0, 0]),
      "'a.xlsx' is a workbook with a password, or one of before 2007 (.xls).",
    ],
  ])('%s', async (_, content, message) => {
    expect(await refusal(write('a.xlsx', content))).toContain(message);
  });

  test('a ZIP archive of something else, a workbook without a worksheet, a damaged part', async () => {
    expect(await refusal(write('a.xlsx', await zipOf({ 'readme.txt': 'x' })))).toBe(
      "'a.xlsx' is no XLSX workbook: it is a ZIP archive without one inside.",
    );
    const parts = workbookParts({});
    const { 'xl/worksheets/sheet0.xml': _, ...without } = parts;
    expect(await refusal(write('a.xlsx', await zipOf(without)))).toBe("'a.xlsx' is a workbook without a worksheet.");
    expect(await refusal(write('a.xlsx', await zipOf({ ...parts, 'xl/workbook.xml': '<workbook><unclosed></workbook>' })))).toContain(
      "'a.xlsx' cannot be imported: its part xl/workbook.xml is no such XML as workbooks hold (",
    );
    const latin1 = Buffer.from(
      parts['xl/worksheets/sheet0.xml']?.replace('</sheetData>', '<row><c t="str"><v>Gr\xfc\xdfe</v></c></row></sheetData>') as string,
      'latin1',
    );
    expect(await refusal(write('a.xlsx', await zipOf({ ...parts, 'xl/worksheets/sheet0.xml': latin1 })))).toContain('(it is not UTF-8).');
    expect(await refusedRows('')).toContain("'a.xlsx: One' is empty: there is nothing to import.");
  });

  test('cut off at any place', async () => {
    const whole = await workbook({ rows: '<row><c><v>1</v></c></row>'.repeat(500) });
    for (const length of [100, Math.floor(whole.length / 2), whole.length - 1]) {
      const path = write('cut.xlsx', whole);
      truncateSync(path, length);
      expect(await refusal(path)).toMatch(
        /^'cut.xlsx' is no whole XLSX workbook: its ZIP directory cannot be read \(.*\)\. Was it cut off on its way\?/,
      );
    }
  });

  test('with bytes changed inside', async () => {
    const bytes = await workbook({ rows: Array.from({ length: 500 }, (_, row) => `<row><c><v>${Math.sin(row)}</v></c></row>`).join('') });
    const start = bytes.indexOf('xl/worksheets/sheet0.xml') + 200;
    bytes.fill(0xff, start, start + 50);
    expect(await refusal(write('a.xlsx', bytes))).toContain("'a.xlsx' is damaged: ");
  });

  test.each([
    ['<row r="1073741825"><c><v>1</v></c></row>', 'has a row 1073741825; a sheet ends at 1073741824 rows and 1048576 columns.'],
    ['<row r="0"><c><v>1</v></c></row>', 'has a row 0; a sheet ends at'],
    ['<row r="x"><c><v>1</v></c></row>', 'has a row x; a sheet ends at'],
    ['<row r="1"><c r="ZZZZZ1"><v>1</v></c></row>', 'has a cell ZZZZZ1; a sheet ends at 1073741824 rows and 1048576 columns.'],
    ['<row r="1"><c r="17"><v>1</v></c></row>', 'has a cell 17; a sheet ends at'],
    ['<row r="3"><c r="B3"><v>1e999</v></c></row>', "in its worksheet 'One', in cell B3, '1e999' is no finite number."],
    ['<row r="3"><c r="B3"><v>many</v></c></row>', "in cell B3, 'many' is no finite number."],
    ['<row r="3"><c r="B3" t="s"><v>7</v></c></row>', 'in cell B3, shared text 7 is asked for, and there are 0.'],
    [
      `<row r="3"><c r="B3" t="str"><v>${'x'.repeat(32_768)}</v></c></row>`,
      'in cell B3, a text of 32768 characters is over the limit of 32767; shorten it.',
    ],
    ['<row r="3"><c r="B3" t="str"><v>_x0000_</v></c></row>', 'in cell B3, a text holds a NUL character'],
  ])('%.60s', async (rows, message) => {
    expect(await refusedRows(rows)).toContain(message);
  });

  test('a DTD, whose entities could grow without end', async () => {
    const parts = workbookParts({ rows: '<row><c><v>1</v></c></row>' });
    const sheet = parts['xl/worksheets/sheet0.xml']?.replace('<worksheet>', '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">]><worksheet>') as string;
    expect(await refusal(write('a.xlsx', await zipOf({ ...parts, 'xl/worksheets/sheet0.xml': sheet })))).toContain('(it has a DTD).');
  });

  test('what unpacks to far more than it is, in total, by part, or in parts', async () => {
    const zeros = await workbook({ rows: `<row><c><v>${'0'.repeat(40_000_000)}</v></c></row>` });
    expect(zeros.length).toBeLessThan(60_000);
    const path = write('bomb.xlsx', zeros);
    expect(await refusal(path)).toMatch(
      /^'bomb.xlsx' is refused: xl\/worksheets\/sheet0.xml unpacks to 1\d\d\d? times its size, 400000\d\d bytes, over the limit of 250 times\. If you trust the file, raise the limit \(ratio\)\./,
    );
    expect(await refusal(path, { limits: { unpackedBytes: 1_000_000 } })).toContain('it unpacks to more than the limit of 1000000 bytes');
    expect(await refusal(path, { limits: { parts: 4 } })).toContain('it has 5 parts, over the limit of 4');
    // What the directory says is checked while it is unpacked.
    const lying = Buffer.from(zeros);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(Number(/(\d+) bytes,/.exec(await refusal(path))?.[1]));
    const at = lying.lastIndexOf(size);
    lying.writeUInt32LE(1_000, at);
    expect(await refusal(write('lying.xlsx', lying))).toMatch(/^'lying.xlsx' is damaged: too many bytes in the stream/);
  });
});

describe('a small file that asks for much', () => {
  const longText = `<si><t>${'x'.repeat(32_000)}</t></si>`;
  const shared = (count: number) => '<c t="s"><v>0</v></c>'.repeat(count);

  async function pagesOf(text: WorkbookText, limits: Partial<WorkbookLimits> = {}) {
    const pages: { rows: number; cells: number; characters: number }[] = [];
    const options = { file: write('a.xlsx', await workbook(text)), name: 'a.xlsx', limits: { ...DEFAULT_LIMITS, ...limits } };
    for await (const { rows } of readPages(options)) {
      const texts = rows.flatMap(({ values, formats = [] }) => [...values, ...formats].filter((one) => typeof one === 'string'));
      const cells = rows.reduce((sum, { values }) => sum + values.length, 0);
      pages.push({ rows: rows.length, cells, characters: texts.reduce((sum, { length }) => sum + length, 0) });
    }
    return pages;
  }

  test('is read in pages of about a million characters, also where its cells share one text or one format', async () => {
    const rows = `<row>${shared(3)}</row>`.repeat(1_000);
    const pages = await pagesOf({ sharedStrings: longText, rows });
    expect(Math.max(...pages.map(({ characters }) => characters))).toBeLessThan(2 ** 20 + 3 * 32_000);
    expect(pages.reduce((sum, one) => sum + one.rows, 0)).toBe(1_000);
    const formats = [`0${'.0'.repeat(120)}`];
    const formatted = await pagesOf({ formats, rows: `<row>${'<c s="0"><v>1</v></c>'.repeat(9)}</row>`.repeat(1_000) });
    expect(Math.max(...formatted.map(({ characters }) => characters))).toBeLessThan(2 ** 20 + 9 * 255);
  });

  test('is read in pages of about ten thousand cells, however few bytes they take in the file', async () => {
    const pages = await pagesOf({ rows: `<row>${'<c><v>1</v></c>'.repeat(100)}</row>`.repeat(1_000) });
    expect(pages.map(({ cells }) => cells)).toEqual([...Array.from({ length: 10 }, () => 10_000), 0]);
  });

  test('is refused where a row of it comes to more than the limit, in texts or in number formats', async () => {
    const limit = 'the texts and number formats of the row come to more than the limit of 16777216 characters';
    await expect(pagesOf({ sharedStrings: longText, rows: `<row>${shared(525)}</row>` })).rejects.toThrow(`in cell TE1, ${limit}.`);
    const formats = ['0'.repeat(255)];
    await expect(pagesOf({ formats, rows: `<row>${'<c s="0"><v>1</v></c>'.repeat(66_000)}</row>` })).rejects.toThrow(limit);
  });

  test('is refused where all its texts come to more than it may unpack to', async () => {
    const rows = `<row>${shared(2)}</row>`.repeat(10);
    await expect(pagesOf({ sharedStrings: longText, rows }, { unpackedBytes: 500_000 })).rejects.toThrow(
      "'a.xlsx' is refused: the cells of its worksheet 'One' hold more text than the limit of 500000 characters. If you trust the file, raise the limit (unpackedBytes).",
    );
    expect(await pagesOf({ sharedStrings: longText, rows }, { unpackedBytes: 640_000 })).toEqual([
      { rows: 10, cells: 20, characters: 640_000 },
    ]);
  });

  test.each([
    ['the same column twice', '<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>', 'A1', 'A'],
    ['columns from right to left', '<row r="1"><c r="C1"/><c r="B1"><v>2</v></c></row>', 'B1', 'C'],
  ])('is refused where a row has %s', async (_, rows, at, before) => {
    await expect(pagesOf({ rows })).rejects.toThrow(
      `in cell ${at}, the order of its row is broken: column ${before} stands before it. Save the file again in another program.`,
    );
  });

  test('gives a row once, whatever stands around it', async () => {
    const rows = '<row r="1"><row r="1"><c><v>1</v></c></row></row><c><v>2</v></c><row r="2"><c><v>3</v></c></row>';
    expect(valuesOf((await imported({ rows })).cells)).toEqual([[1], [3]]);
  });

  test('is refused where it lists more relations or worksheets than it may have parts', async () => {
    const parts = workbookParts({ rows: '<row><c><v>1</v></c></row>' });
    const read = async (part: string, more: string, before: string) => {
      const changed = { ...parts, [part]: parts[part]?.replace(before, `${more.repeat(20)}${before}`) as string };
      return importedXlsx(write('a.xlsx', await zipOf(changed)), { limits: { parts: 12 } });
    };
    await expect(read('xl/_rels/workbook.xml.rels', '<Relationship Id="a" Type="a" Target="a"/>', '</Relationships>')).rejects.toThrow(
      "'a.xlsx' is refused: xl/_rels/workbook.xml.rels lists more relations than the limit of 12. If you trust the file, raise the limit (parts).",
    );
    await expect(read('xl/workbook.xml', '<x:sheet name="a" r:id="none"/>', '</x:sheets>')).rejects.toThrow(
      "'a.xlsx' is refused: it lists more worksheets than the limit of 12.",
    );
  });

  test('ends when it is told to, before its first row too', async () => {
    const controller = new AbortController();
    const pages = readPages(
      { file: write('a.xlsx', await workbook({ rows: '<row/>'.repeat(200_000) })), name: 'a.xlsx', limits: DEFAULT_LIMITS },
      controller.signal,
    );
    const next = pages.next();
    controller.abort(new Error('killed'));
    await expect(next).rejects.toThrow('killed');
  });
});

test('what an XLSX file cannot hold is refused', async () => {
  const long = await newSheet([cell(0, 0, 1), cell(1_048_576, 0, 2)]);
  await expect(exported(long)).rejects.toThrow('A1:A1048577 is too large for an XLSX file, which ends at 1048576 rows and 16384 columns.');
  const wide = await newSheet([cell(0, 16_384, 1)]);
  await expect(exported(wide)).rejects.toThrow('A1:XFE1 is too large for an XLSX file');
  await expect(exported(await newSheet())).rejects.toThrow('The sheet has no cells');
});
