/** What is typed into a cell, what it shows, and what is there to be changed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cell } from '../../src/spreadsheet/cell.ts';
import { formatKind, formatValue } from '../../src/web/sheet/values/format-value.ts';
import { changeDecimals } from '../../src/web/sheet/values/number-formats.ts';
import { recogniseInput, textToEdit } from '../../src/web/sheet/values/recognise-input.ts';

test.each<[string, Cell]>([
  ['', { value: null }],
  ['12', { value: 12 }],
  ['-0.5', { value: -0.5 }],
  ['1.50', { value: 1.5, format: '0.00' }],
  ['1,234.50', { value: 1234.5, format: '#,##0.00' }],
  ['12%', { value: 0.12, format: '0%' }],
  ['7.25%', { value: 0.0725, format: '0.00%' }],
  ['2026-01-31', { value: 46_053, format: 'yyyy-mm-dd' }],
  ['2026-01-31 08:30', { value: 46_053 + 8.5 / 24, format: 'yyyy-mm-dd hh:mm' }],
  ['TRUE', { value: true }],
  ['false', { value: false }],
  ['#REF!', { value: { type: 'CellError', value: '#REF!' } }],
  ['007', { value: '007' }],
  ['1e5', { value: '1e5' }],
  ['12345678901234567890', { value: '12345678901234567890' }],
  ['1,23', { value: '1,23' }],
  ["'12", { value: '12' }],
  ["''12", { value: "'12" }],
  ['hello ', { value: 'hello ' }],
])('%j is recognised as it would be read from a file, and so that it shows as typed', (text, cell) => {
  expect(recogniseInput(text)).toEqual(cell);
  if (!text.startsWith("'") && text !== 'false') {
    expect(formatValue(cell)).toBe(text);
  }
});

test('a cell keeps its format, unless what is typed is of another kind', () => {
  expect(recogniseInput('5', '#,##0.00')).toEqual({ value: 5, format: '#,##0.00' });
  expect(recogniseInput('1.5', '0.000')).toEqual({ value: 1.5, format: '0.000' });
  expect(recogniseInput('50%', '0.0%')).toEqual({ value: 0.5, format: '0.0%' });
  expect(recogniseInput('50%', '0.00')).toEqual({ value: 0.5, format: '0%' });
  expect(recogniseInput('2026-01-31', '#,##0')).toEqual({ value: 46_053, format: 'yyyy-mm-dd' });
  expect(recogniseInput('12', '@')).toEqual({ value: '12', format: '@' });
  expect(recogniseInput('', '0.00')).toEqual({ value: null });
});

test.each<[number, string, string]>([
  [1234.5, '#,##0.00', '1,234.50'],
  [-1234.5, '#,##0.00', '-1,234.50'],
  [-1234.5, '#,##0.00;(#,##0.00)', '(1,234.50)'],
  [0.125, '0.0%', '12.5%'],
  [5, '"€ "0.00', '€ 5.00'],
  [5, '0" km"', '5 km'],
  [-0.001, '0.00', '0.00'],
  [7, '000', '007'],
  [1.005, '0.###', '1.005'],
  [46_053, 'dd.mm.yyyy', '31.01.2026'],
  [46_053, 'd mmm yy', '31 Jan 26'],
  [46_053.75, 'h:mm AM/PM', '6:00 PM'],
  [46_053 + 5 / 1440, 'yyyy-mm-dd hh:mm:ss', '2026-01-31 00:05:00'],
  [46_053.5, 'dddd', 'Saturday'],
  [0.5, 'General', '0.5'],
  [0.1 + 0.2, 'General', '0.3'],
  [3, 'no format at all', '3'],
  [-5, 'yyyy-mm-dd', '-5'],
])('%d by %j is shown as %j', (value, format, text) => {
  expect(formatValue({ value, format })).toBe(text);
});

test('what an editor begins with is recognised as the same cell again', () => {
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.integer({ min: -1_000_000, max: 1_000_000 }).map((number) => number / 10_000),
    fc.string(),
    fc.constantFrom('007', '12', 'TRUE', 'true', "'x", '50%', '1.50', '1,000', '2026-01-31', '#REF!', ''),
    fc.boolean(),
  );
  const format = fc.constantFrom(undefined, '0.00', '0%', '0.0%', '#,##0.00', 'General');
  fc.assert(
    fc.property(value, format, (its, code) => {
      const cell: Cell = { value: its, ...(code === undefined ? {} : { format: code }) };
      const again = recogniseInput(textToEdit(cell), code);
      // A text without characters cannot be told from an empty cell while it is changed.
      expect(again.value).toStrictEqual(its === '' ? its : cell.value);
      expect(formatKind(again.format)).toBe(formatKind(code));
    }),
    { numRuns: 3_000 },
  );
});

test('decimals are added to a format and taken from it, and dates and texts have none', () => {
  expect(changeDecimals(undefined, 1)).toBe('0.0');
  expect(changeDecimals('#,##0', 1)).toBe('#,##0.0');
  expect(changeDecimals('#,##0.00', -1)).toBe('#,##0.0');
  expect(changeDecimals('0.0%', -1)).toBe('0%');
  expect(changeDecimals('0', -1)).toBe('0');
  expect(changeDecimals('#,##0.0;(#,##0.0)', 1)).toBe('#,##0.00;(#,##0.00)');
  expect(changeDecimals('yyyy-mm-dd', 1)).toBe('yyyy-mm-dd');
  expect(changeDecimals('@', 1)).toBe('@');
});
