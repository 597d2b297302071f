/** Where cells lie, what keys mean and where they go: the parts of the grid that need no browser. */
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createAxis } from '../../src/web/sheet/grid/axis.ts';
import { edgeOfData } from '../../src/web/sheet/grid/edge-of-data.ts';
import { commandOf } from '../../src/web/sheet/grid/keys.ts';
import { createScrollMap, MAX_SCROLL_LENGTH } from '../../src/web/sheet/grid/scroll-map.ts';
import { moveTo, rangeOf, select, selectRange, step } from '../../src/web/sheet/grid/selection.ts';
import { createViewportRequests } from '../../src/web/sheet/grid/viewport-requests.ts';

test('each place along an axis belongs to the column that is drawn there, whatever their widths', () => {
  const widths = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 10, max: 300 })), { maxLength: 8 });
  fc.assert(
    fc.property(widths, fc.nat(6_000), (sizes, offset) => {
      const axis = createAxis({ count: 50, size: 100, sizes: new Map(sizes) });
      const index = axis.indexAt(offset);
      if (offset < axis.length) {
        expect(axis.offsetOf(index)).toBeLessThanOrEqual(offset);
        expect(axis.offsetOf(index) + axis.sizeOf(index)).toBeGreaterThan(offset);
      } else {
        expect(index).toBe(49);
      }
    }),
  );
});

test('every row of a sheet of 2^30 rows can be scrolled to, and near both ends pixel by pixel', () => {
  const length = 24 * 2 ** 30;
  const map = createScrollMap(length, 800);
  expect(map.scrollLength).toBe(MAX_SCROLL_LENGTH);
  expect(map.toOffset(0)).toBe(0);
  expect(map.toOffset(500_000)).toBe(500_000);
  expect(map.toOffset(MAX_SCROLL_LENGTH - 800)).toBe(length - 800);
  expect(map.toOffset(MAX_SCROLL_LENGTH - 800 - 1_000)).toBe(length - 800 - 1_000);
  fc.assert(
    fc.property(fc.double({ min: 0, max: length - 800, noNaN: true }), (offset) => {
      expect(Math.abs(map.toOffset(map.toScroll(offset)) - offset)).toBeLessThan(0.01);
    }),
  );
});

test('a sheet that fits is scrolled as it is', () => {
  const map = createScrollMap(1_000_000, 800);
  expect([map.isExact, map.scrollLength, map.toOffset(123_456), map.toScroll(123_456)]).toEqual([true, 1_000_000, 123_456, 123_456]);
  expect(map.toOffset(5_000_000)).toBe(999_200);
});

test('a selection reaches from where it began, and never past the end of a sheet', () => {
  const from = select({ row: 5, column: 5 });
  expect(rangeOf(moveTo(from, { row: 2, column: 7 }, true))).toEqual({ row: 2, column: 5, rowCount: 4, columnCount: 3 });
  expect(moveTo(from, { row: -1, column: 2 ** 40 }, false).active).toEqual({ row: 0, column: 2 ** 20 - 1 });
});

test('Tab and Enter go round within a selection and leave it as it is', () => {
  let selection = selectRange({ row: 1, column: 1, rowCount: 2, columnCount: 2 });
  const places = [];
  for (let count = 0; count < 4; count += 1) {
    selection = step(selection, { columns: 1 });
    places.push([selection.active.row, selection.active.column]);
  }
  expect(places).toEqual([
    [1, 2],
    [2, 1],
    [2, 2],
    [1, 1],
  ]);
  expect(rangeOf(selection)).toEqual({ row: 1, column: 1, rowCount: 2, columnCount: 2 });
  expect(step(selection, { rows: -1 }).active).toEqual({ row: 2, column: 2 });
  expect(step(select({ row: 3, column: 3 }), { rows: 1 }).active).toEqual({ row: 4, column: 3 });
});

test('Ctrl and an arrow go to the end of a run, over a gap to the next one, and to the last row where cells are not loaded', () => {
  const filled = new Set([0, 1, 2, 6, 7]);
  const options = {
    isFilled: ({ row, column }: { row: number; column: number }) => (row > 20 ? undefined : column === 0 && filled.has(row)),
    counts: { rowCount: 1_000, columnCount: 3 },
  };
  const down = (row: number) => edgeOfData({ row, column: 0 }, { rows: 1 }, options).row;
  const up = (row: number) => edgeOfData({ row, column: 0 }, { rows: -1 }, options).row;
  expect([down(0), down(2), down(3), down(7)]).toEqual([2, 6, 6, 999]);
  expect([up(7), up(6), up(2), up(0)]).toEqual([6, 2, 0, 0]);
  expect(edgeOfData({ row: 15, column: 0 }, { columns: 1 }, options)).toEqual({ row: 15, column: 2 });
  expect(edgeOfData({ row: 2_000, column: 0 }, { rows: 1 }, options).row).toBe(2_000);
});

test('keys mean what they mean in a spreadsheet, and what is none of its keys stays with the browser', () => {
  const press = (key: string, modifiers = {}) =>
    commandOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...modifiers });
  expect(press('a')).toEqual({ type: 'write' });
  expect(press('€', { ctrlKey: true, altKey: true })).toEqual({ type: 'write' });
  expect(press('Process')).toEqual({ type: 'write' });
  expect(press('F2')).toEqual({ type: 'edit' });
  expect(press('Delete')).toEqual({ type: 'clear' });
  expect(press('Enter', { shiftKey: true })).toEqual({ type: 'step', rows: -1, columns: 0 });
  expect(press('Tab')).toEqual({ type: 'step', rows: 0, columns: 1 });
  expect(press('ArrowDown', { ctrlKey: true, shiftKey: true })).toEqual({
    type: 'move',
    rows: 1,
    columns: 0,
    isExtended: true,
    by: 'edge',
  });
  expect(press('End', { ctrlKey: true })).toEqual({ type: 'go', to: 'last', isExtended: false });
  expect(press('Home')).toEqual({ type: 'go', to: 'row-start', isExtended: false });
  expect(press('z', { metaKey: true })).toEqual({ type: 'undo' });
  expect(press('Z', { ctrlKey: true, shiftKey: true })).toEqual({ type: 'redo' });
  expect(press('d', { ctrlKey: true })).toEqual({ type: 'fill-down' });
  for (const [key, modifiers] of [
    ['c', { ctrlKey: true }],
    ['v', { ctrlKey: true }],
    ['R', { ctrlKey: true, shiftKey: true }],
    ['ArrowLeft', { altKey: true }],
    ['F12', {}],
    ['Tab', { ctrlKey: true }],
  ] as const) {
    expect(press(key, modifiers), key).toBeUndefined();
  }
});

test('cells are asked for while one scrolls on, and once at the end where one jumps', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const asked: number[] = [];
  const requests = createViewportRequests(({ row }) => asked.push(row));
  const want = (row: number) => {
    requests.want({ row, column: 0, rowCount: 100, columnCount: 10 });
    vi.advanceTimersByTime(20);
  };
  for (let row = 0; row < 10; row += 1) want(row);
  expect(asked).toEqual([3, 7]);
  asked.length = 0;
  for (let row = 10_000; row < 20_000; row += 1_000) want(row);
  expect(asked).toEqual([]);
  vi.advanceTimersByTime(80);
  expect(asked).toEqual([19_000]);
  want(19_000);
  vi.advanceTimersByTime(500);
  expect(asked).toEqual([19_000]);
});
