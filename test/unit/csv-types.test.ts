import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atWholeSecond, isoDateText, parseIsoDate, showsDate } from '../../src/spreadsheet/date-serial.ts';
import { recogniseField, textReason } from '../../src/spreadsheet/recognise-field.ts';
import { anyNumber, anyText, imported, load, newSheet, valuesOf } from './file-fixtures.ts';

const date = (serial: number, format = 'yyyy-mm-dd') => ({ type: 'date', serial, format });

describe('a field', () => {
  test.each([
    ['12', 12],
    ['-3.5', -3.5],
    ['0', 0],
    ['1e+21', 1e21],
    ['007', '007'],
    ['1e5', '1e5'],
    ['1.50', '1.50'],
    ['+1', '+1'],
    ['-0', '-0'],
    [' 1', ' 1'],
    ['12345678901234567890', '12345678901234567890'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['-Infinity', '-Infinity'],
    ['0x10', '0x10'],
    ['TRUE', true],
    ['FALSE', false],
    ['true', 'true'],
    ['#REF!', { type: 'CellError', value: '#REF!' }],
    ['#ref!', '#ref!'],
    ['2024-02-29', date(45_351)],
    ['1900-03-01', date(61)],
    ['9999-12-31', date(2_958_465)],
    ['2024-02-29 08:30', date(45_351 + 8.5 / 24, 'yyyy-mm-dd hh:mm')],
    ['2024-02-29 08:30:15', date(45_351 + 30_615 / 86_400, 'yyyy-mm-dd hh:mm:ss')],
    ['2024-02-29T08:30:15Z', date(45_351 + 30_615 / 86_400, 'yyyy-mm-dd"T"hh:mm:ss"Z"')],
    ['2024-02-29T08:30:15.250Z', date(45_351 + 30_615.25 / 86_400, 'yyyy-mm-dd"T"hh:mm:ss.000"Z"')],
    ['2023-02-29', '2023-02-29'],
    ['2024-00-10', '2024-00-10'],
    ['2024-13-01', '2024-13-01'],
    ['2024-04-31', '2024-04-31'],
    ['1900-02-28', '1900-02-28'],
    ['2024-02-29 24:00:00', '2024-02-29 24:00:00'],
    ['2024-2-9', '2024-2-9'],
    ['29/02/2024', '29/02/2024'],
    ['', null],
  ])('%j becomes %j', (field, value) => {
    expect(recogniseField(field)).toEqual(value);
  });

  test('comes back as it was written, whatever it became', () => {
    const anyDate = fc
      .date({ min: new Date('1900-03-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((one) => one.toISOString());
    const cut = fc.tuple(anyDate, fc.constantFrom(10, 16, 19, 23, 24)).map(([text, length]) => text.slice(0, length));
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          anyNumber.map(String),
          cut,
          cut.map((text) => text.replace('T', ' ')),
        ),
        (field) => {
          const cell = recogniseField(field);
          const written = () => {
            if (typeof cell !== 'object') return String(cell);
            if (cell === null) return '';
            return cell.type === 'date' ? isoDateText(cell.serial, cell.format) : cell.value;
          };
          const text = written();
          return text === (typeof cell === 'boolean' ? field.toLowerCase() : field);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('that is a date by the calendar is one here: every day from 1900-03-01 to 2100', () => {
    let serial = 61;
    const wrong: string[] = [];
    for (let day = Date.UTC(1900, 2, 1); day < Date.UTC(2100, 0, 1); day += 86_400_000) {
      const text = new Date(day).toISOString().slice(0, 10);
      if (parseIsoDate(text)?.serial !== serial) wrong.push(text);
      serial += 1;
    }
    expect(wrong).toEqual([]);
  });

  test('that is a date and time has the number that other programs mean, whatever its last digits', () => {
    const wrong: unknown[] = [];
    for (let second = 0; second < 86_400; second += 7) {
      const serial = 46_027 + second / 86_400;
      const text = isoDateText(atWholeSecond(Number(serial.toPrecision(15))), 'yyyy-mm-dd hh:mm:ss');
      if (text !== new Date(Date.UTC(2026, 0, 5) + second * 1_000).toISOString().slice(0, 19).replace('T', ' ')) wrong.push(text);
    }
    expect(wrong).toEqual([]);
    expect(atWholeSecond(46_027.123_456_78)).toBe(46_027.123_456_78);
    expect(atWholeSecond(46_027)).toBe(46_027);
  });

  test.each([
    ['00501', 'leading zeros'],
    ['-007.5', 'leading zeros'],
    ['1.50', 'another spelling'],
    ['1,234,567.5', 'another spelling'],
    ['+1', 'another spelling'],
    ['1e5', 'another spelling'],
    ['12345678901234567890', 'too many digits'],
    ['12', 'quoted'],
    ['2024-02-29', 'quoted'],
    ['12/31/2024', 'another date order'],
    ['0.5', 'quoted'],
    ['1-2', undefined],
    ['+49 30 123', undefined],
    ['word', undefined],
    ['', undefined],
  ])('%j that is kept as text: %j', (field, reason) => {
    expect(textReason(field)).toBe(reason);
  });

  test.each([
    ['yyyy-mm-dd', true],
    ['m/d/yy h:mm', true],
    ['[$-409]d-mmm-yy;@', true],
    ['mmmm', true],
    ['h:mm', false],
    ['[h]:mm:ss', false],
    ['0.00', false],
    ['General', false],
    ['0 "days"', false],
    ['[Red]0.00', false],
    ['#,##0\\d', false],
  ])('a number under %j shows a date: %j', (format, answer) => {
    expect(showsDate(format)).toBe(answer);
  });
});

describe('an import', () => {
  test('says what it made of the cells, and which columns are worth a look', async () => {
    const rows = Array.from(
      { length: 1_000 },
      (_, index) => `${index},${String(index).padStart(5, '0')},2024-01-${10 + (index % 20)},1.${index % 10}0`,
    );
    const { value, cells } = await imported(`id,zip,day,price\n${rows.join('\n')}\nTRUE,#N/A,,12/31/2024\n`);
    expect(value.cells).toEqual({
      numbers: 1_000,
      dates: 1_000,
      booleans: 1,
      texts: 4 + 2_000 + 1,
      errors: 1,
      formulas: 0,
      emptyFormulas: 0,
      mergedAreas: 0,
    });
    expect(value.notes).toEqual([
      { column: 'B', reason: 'leading zeros', count: 1_000, example: '00000' },
      { column: 'D', reason: 'another spelling', count: 1_000, example: '1.00' },
      { column: 'D', reason: 'another date order', count: 1, example: '12/31/2024' },
    ]);
    expect(cells[1]).toEqual([{ value: 0 }, { value: '00000' }, { value: 45_301, format: 'yyyy-mm-dd' }, { value: '1.00' }]);
    expect(cells[1_001]).toEqual([
      { value: true },
      { value: { type: 'CellError', value: '#N/A' } },
      { value: null },
      { value: '12/31/2024' },
    ]);
  });

  test('leaves all text, or columns of it, where that is asked for', async () => {
    const content = 'a,b\n1,2024-01-10\nTRUE,2\n';
    expect(valuesOf((await imported(content, { types: 'off' })).cells)).toEqual([
      ['a', 'b'],
      ['1', '2024-01-10'],
      ['TRUE', '2'],
    ]);
    const { cells, value } = await imported(content, { textColumns: [1] });
    expect(valuesOf(cells)).toEqual([
      ['a', 'b'],
      [1, '2024-01-10'],
      [true, '2'],
    ]);
    expect(value.notes).toEqual([]);
  });

  test('writes few entries for columns of dates, and none twice into a cell', async () => {
    const rows = Array.from(
      { length: 1_000 },
      (_, index) => `${index},2024-01-10,2024-01-11,${index % 7 === 0 ? '' : '2024-01-10 08:30'},x`,
    );
    const { into, value } = await imported(rows.join('\n'));
    expect(value.entries).toBe(2 * 3);
    const { entries } = await into.log.query('start', 'end');
    expect(entries.filter((entry) => 'source' in entry && entry.source).length).toBe(2);
  });

  test('goes on within a file of dates after it was stopped', async () => {
    const rows = Array.from({ length: 300 }, (_, index) => `${index},2024-01-10,00${index}`);
    const into = await newSheet();
    const controller = new AbortController();
    const stopped = load(into, rows.join('\n'), {
      rowsPerEntry: 10,
      entriesPerAppend: 4,
      signal: controller.signal,
      onProgress: ({ rows: done }) => done >= 100 && controller.abort(new Error('killed')),
    });
    await expect(stopped).rejects.toThrow('killed');
    const value = await load(into, rows.join('\n'), { rowsPerEntry: 50 });
    expect(value).toMatchObject({ rows: 300, rowsBefore: 100, cells: { numbers: 300, dates: 300, texts: 300 } });
    const { cells } = await imported(rows.join('\n'));
    const { cellsOf } = await import('./file-fixtures.ts');
    expect(await cellsOf(into)).toEqual(cells);
  });
});

describe('quotes', () => {
  const row = async (content: string) => valuesOf((await imported(content)).cells).at(-1);

  test('mean text, where the file does not quote everything', async () => {
    expect(await row('id,zip,n\n1,"00123","12"\n')).toEqual([1, '00123', '12']);
    expect(await row('1,"12","TRUE","2024-01-10",""\n')).toEqual([1, '12', 'TRUE', '2024-01-10', '']);
    expect(await row('"12"\n')).toEqual(['12']);
    expect(await row('"","x,""y""\n12",7\n1,"12",x\n')).toEqual([1, '12', 'x']);
  });

  test('say nothing in a file that quotes everything', async () => {
    expect(await row('"id","zip","n"\n"1","00123","TRUE"\n')).toEqual([1, '00123', true]);
    expect(await row('"id","zip","n"\r\n"1",,""\r\n"2","","x"\r\n')).toEqual([2, null, 'x']);
  });

  test('are decided by the first hundred records: the rest of a large file is read the same way', async () => {
    const quoted = Array.from({ length: 150 }, () => '"a","1"').join('\n');
    expect(await row(`${quoted}\n1,"2"\n`)).toEqual([1, 2]);
    expect(await row(`x,y\n${quoted}\n1,"2"\n`)).toEqual([1, '2']);
  });
});

describe('a file that is compressed with gzip', () => {
  const content = Array.from({ length: 5_000 }, (_, index) => `${index},name ${index}\n`).join('');

  test('is unpacked, whatever its name, and reports the bytes of the file itself', async () => {
    const packed = gzipSync(content);
    const seen: number[] = [];
    const { value, cells } = await imported(packed, { totalBytes: packed.length, onProgress: ({ bytes }) => void seen.push(bytes) });
    expect(value.rows).toBe(5_000);
    expect(cells.at(-1)).toEqual([{ value: 4_999 }, { value: 'name 4999' }]);
    expect(seen.at(-1)).toBe(packed.length);
  });

  test.each([
    ['cut off', gzipSync(content).subarray(0, -5_000), /^'a.csv' is cut off: its gzip data ends too early\./],
    [
      'damaged',
      Buffer.concat([gzipSync(content).subarray(0, 200), Buffer.alloc(5_000, 7)]),
      /^'a.csv' is damaged: its gzip data cannot be unpacked/,
    ],
    ['of something else', gzipSync(Buffer.from([0, 1, 2, 0])), /^'a.csv' has a NUL byte on line 1/],
  ])('and %s is refused', async (_, bytes, message) => {
    await expect(imported(bytes)).rejects.toThrow(message);
  });
});

test.each([
  ['a PNG', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], "'a.csv' is a PNG image and no CSV."],
  ['a PDF', [...Buffer.from('%PDF-1.7\n')], "'a.csv' is a PDF document and no CSV."],
  [
    'an XLSX file',
    [0x50, 0x4b, 3, 4, 0, 0, 0, 0],
    "'a.csv' is a ZIP archive, as XLSX workbooks are, and no CSV. If it is a workbook, name it '.xlsx'.",
  ],
  [
    'an old or encrypted workbook',
    [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
    "'a.csv' is a workbook of an old kind or with a password, and no CSV.",
  ],
])('%s that is named .csv is refused for what it is', async (_, bytes, message) => {
  await expect(imported(new Uint8Array(bytes))).rejects.toThrow(message);
});
