import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import { cellName, columnName, parseCellName, parseRange, rangeName } from '../../src/spreadsheet/a1.ts';
import { CELL_ERROR_VALUES } from '../../src/spreadsheet/cell.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';

const single = { type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 };
const erasure = { type: 'EraseCells', ranges: [{ row: 3, column: 1, rowCount: 1, columnCount: 1 }] };
const range = { type: 'SetCellRange', row: 0, column: 0, values: [[1]] };

describe('an entry of a sheet', () => {
  test.each([
    [{ ...single, row: 2 ** 30 - 1, column: 2 ** 20 - 1 }],
    [{ ...single, value: 'x'.repeat(32_767) }],
    [{ ...single, value: null, format: '0.00' }],
    [{ ...single, value: true }],
    [{ ...single, value: -1e308 }],
    ...CELL_ERROR_VALUES.map((value) => [{ ...single, value: { type: 'CellError', value } }] as [object]),
    [
      {
        ...range,
        values: [
          [1, 'a', null],
          [true, 2.5, { type: 'CellError', value: '#REF!' }],
        ],
        format: '@',
      },
    ],
    [erasure],
    [{ ...erasure, reason: 'request 17' }],
    [{ ...range, source: { name: 'a.csv', rows: 1, sha256: 'a'.repeat(64) } }],
  ] as [object][])('passes as it is: %j', (entry) => {
    expect(sheet.parseEntry(entry)).toEqual(entry);
  });

  test.each([
    [{ ...single, row: -1 }, 'row: -1 is outside a sheet; use an integer from 0 to 1073741823'],
    [{ ...single, row: 1.5 }, 'row: 1.5 is outside a sheet'],
    [{ ...single, row: 2 ** 30 }, 'row: 1073741824 is outside a sheet'],
    [{ ...single, row: '1' }, 'row: "1" is outside a sheet'],
    [{ ...single, column: 2 ** 20 }, 'column: 1048576 is outside a sheet; use an integer from 0 to 1048575'],
    [{ ...single, value: Number.POSITIVE_INFINITY }, 'value: Infinity is not a finite number'],
    [{ ...single, value: Number.NaN }, 'value: NaN is not a finite number'],
    [{ ...single, value: undefined }, 'value: undefined is no cell value'],
    [{ ...single, value: 'x'.repeat(32_768) }, 'value: a text of 32768 characters is over the limit of 32767; shorten it'],
    [{ ...single, value: 'a\0b' }, 'value: a text holds a NUL character at 1; remove it'],
    [{ ...single, value: 'ab\ud800' }, 'value: a text holds half a character at 2; remove it'],
    [{ ...single, value: { type: 'CellError', value: '#OOPS!' } }, 'value: {"type":"CellError","value":"#OOPS!"} is no cell value'],
    [{ ...single, format: 'x'.repeat(256) }, 'format: a text of 256 characters is over the limit of 255'],
    [{ ...single, format: '' }, 'format: an empty format code; leave it out for none'],
    [{ ...single, colour: 'red' }, 'Unrecognized key: "colour"'],
    [{ ...range, values: [] }, 'values: no rows'],
    [{ ...range, values: [[]] }, 'values[0]: a row without cells'],
    [
      { ...range, values: [[1, 2], [3]] },
      'values[1] has 1 cells and values[0] has 2; give every row the same number, null for an empty cell',
    ],
    [{ ...range, values: [[1], [Number.NaN]] }, 'values[1][0]: NaN is not a finite number'],
    [
      { ...range, row: 2 ** 30 - 1, values: [[1], [2]] },
      '2 rows of 1 cells from row 1073741823, column 0 on reach past the end of a sheet',
    ],
    [{ ...range, column: 2 ** 20 - 1, values: [[1, 2]] }, 'reach past the end of a sheet'],
    [{ ...range, values: Array.from({ length: 40 }, () => ['x'.repeat(30_000)]) }, 'over the limit of 1048576; write fewer rows per entry'],
    [{ type: 'Rename' }, 'type "Rename" is unknown; use SetCellValueAndFormat, SetCellRange or EraseCells'],
    [{ row: 1 }, 'type undefined is unknown'],
    [{ ...erasure, ranges: [] }, 'ranges: no ranges'],
    [{ ...erasure, ranges: [{ row: 0, column: 0, rowCount: 0, columnCount: 1 }] }, 'ranges[0].rowCount'],
    [
      { ...erasure, ranges: [{ row: 0, column: 2 ** 20 - 1, rowCount: 1, columnCount: 2 }] },
      'ranges[0] reaches past the end of a sheet (1073741824 rows, 1048576 columns)',
    ],
    [
      { ...erasure, ranges: [...erasure.ranges, { row: 0, column: 0, rowCount: 100, columnCount: 100 }] },
      'its ranges have 10001 cells, over the limit of 10000; erase them in several entries',
    ],
    [{ ...erasure, reason: 'x'.repeat(501) }, 'reason: a text of 501 characters is over the limit of 500'],
    [null, "An entry of log type 'sheet' is an object with a type, not null."],
    [[single], 'not an array'],
  ])('is refused with what is wrong and what to do: %#', (entry, message) => {
    const error = (() => {
      try {
        return sheet.parseEntry(entry);
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('\n');
    expect((error as Error).message.length).toBeLessThan(400);
  });
});

describe('A1 references', () => {
  test.each([
    ['A1', { row: 0, column: 0 }],
    ['b7', { row: 6, column: 1 }],
    ['$AA$10', { row: 9, column: 26 }],
    [' ZZ1 ', { row: 0, column: 701 }],
  ])('%s', (text, place) => {
    expect(parseCellName(text)).toEqual(place);
    expect(cellName(place.row, place.column)).toBe(text.replaceAll('$', '').trim().toUpperCase());
  });

  test('a range in any direction, and one cell', () => {
    const expected = { row: 0, column: 0, rowCount: 20, columnCount: 6 };
    for (const text of ['A1:F20', 'F20:A1', 'A20:F1', ' a1 : f20 ']) expect(parseRange(text)).toEqual(expected);
    expect(rangeName(expected)).toBe('A1:F20');
    expect(rangeName(parseRange('C3'))).toBe('C3');
  });

  test('every column has one name', () => {
    for (const column of [0, 25, 26, 51, 52, 701, 702, 18_277, 18_278, 475_253, 475_254, 2 ** 20 - 1]) {
      expect(parseCellName(`${columnName(column)}1`).column).toBe(column);
    }
  });

  test.each(['', 'A', '7', 'A0', 'A1:B2:C3', 'A1-B2', 'A:C', '1:3', 'Ä1', 'A1:', 'AAAAAA1'])('%j is refused, with an example', (text) => {
    expect(() => parseRange(text)).toThrow(/is not a range\. Write two cells with a colon, for example A1:F20/);
  });

  test('past the end of a sheet is refused, with where that is', () => {
    const last = cellName(2 ** 30 - 1, 2 ** 20 - 1);
    expect(parseRange(last)).toMatchObject({ row: 2 ** 30 - 1, column: 2 ** 20 - 1 });
    expect(() => parseRange('A1073741825')).toThrow(`Cell 'A1073741825' is outside a sheet, which ends at ${last}.`);
    expect(() => parseRange('ZZZZZ1')).toThrow('is outside a sheet');
  });
});
