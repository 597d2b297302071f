import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CellValue } from '../../src/spreadsheet/cell.ts';
import { type ImportRow, type Rectangle, rectanglesOf } from '../../src/spreadsheet/rectangles.ts';

interface Placed {
  value: CellValue;
  format: string | undefined;
}

/** As entries are folded: the later one wins, null empties. */
function written(rectangles: readonly Rectangle[]): Map<string, Placed> {
  const cells = new Map<string, Placed>();
  for (const { row, column, values, format } of rectangles) {
    values.forEach((line, down) => {
      line.forEach((value, across) => {
        const key = `${row + down},${column + across}`;
        if (value === null) cells.delete(key);
        else cells.set(key, { value, format });
      });
    });
  }
  return cells;
}

const given = (rows: readonly ImportRow[]) =>
  new Map(
    rows.flatMap(({ row, columns, values, formats }) =>
      values.flatMap((value, index): [string, Placed][] =>
        value === null ? [] : [[`${row},${columns?.[index] ?? index}`, { value, format: formats?.[index] }]],
      ),
    ),
  );

const anyCell = fc.tuple(
  fc.constantFrom(0, 1, 2, 3, 4, 9, 10, 500),
  fc.constantFrom<CellValue>(null, 1, 'x', true),
  fc.constantFrom(undefined, undefined, '0.0', 'yyyy-mm-dd'),
);
const anyRow = fc.tuple(fc.constantFrom(1, 1, 1, 5), fc.uniqueArray(anyCell, { selector: ([column]) => column, maxLength: 6 }));
const anyRows = fc.array(anyRow, { minLength: 1, maxLength: 8 }).map((rows) => {
  let row = 7;
  return rows.map(([step, cells]): ImportRow => {
    row += step;
    const sorted = [...cells].sort(([one], [other]) => one - other);
    const formats = sorted.some(([, , format]) => format !== undefined) ? sorted.map(([, , format]) => format) : undefined;
    return { row, columns: sorted.map(([column]) => column), values: sorted.map(([, value]) => value), formats };
  });
});

test('rectangles write exactly the cells of the rows, with their formats', () => {
  fc.assert(
    fc.property(anyRows, (rows) => {
      expect(written(rectanglesOf(rows))).toEqual(given(rows));
    }),
    { numRuns: 1_000 },
  );
});

test('rectangles hold rows of one length, and at least a value', () => {
  fc.assert(
    fc.property(anyRows, (rows) => {
      for (const { values } of rectanglesOf(rows)) {
        expect(new Set(values.map((line) => line.length)).size).toBe(1);
        expect(values.flat().some((value) => value !== null)).toBe(true);
      }
    }),
  );
});

test('cells far apart are not joined by empty ones; columns that stand close are one rectangle', () => {
  const far = (row: number): ImportRow => ({ row, columns: [0, 2, 16_000], values: [row, 'b', 'far'] });
  const rectangles = rectanglesOf(Array.from({ length: 100 }, (_, row) => far(row)));
  expect(rectangles.map(({ column, values }) => [column, values.length, values[0]?.length])).toEqual([
    [0, 100, 3],
    [16_000, 100, 1],
  ]);
});

test('columns of one format side by side are one rectangle, also with holes', () => {
  const rows = Array.from({ length: 50 }, (_, row): ImportRow => {
    const values = [row, row % 5 === 0 && row > 0 && row < 49 ? null : 1, 2];
    return { row, values, formats: [undefined, '0.0', '0.0'] };
  });
  expect(rectanglesOf(rows)).toHaveLength(2);
});
