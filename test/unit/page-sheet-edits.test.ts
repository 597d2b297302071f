/** Blocks of cells, the clipboard, and undo in a sheet that others write to. */
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import type { Cell } from '../../src/spreadsheet/cell.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { blockWrites } from '../../src/web/sheet/edits/block-writes.ts';
import { parseTabbedText, toTabbedText } from '../../src/web/sheet/edits/clipboard-text.ts';
import { createSheetEdits } from '../../src/web/sheet/edits/sheet-edits.ts';
import { createUndoStack } from '../../src/web/sheet/edits/undo-stack.ts';
import { liveSheets, whenView } from '../support/live-sheets.ts';

test('a block comes back from the clipboard as it was put there', () => {
  const field = fc.oneof(fc.string(), fc.stringMatching(/^["\t\n\ra]{0,5}$/));
  const block = fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
    .chain(([rows, columns]) =>
      fc.array(fc.array(field, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
    );
  fc.assert(
    fc.property(block, (rows) => {
      // One empty field at the end is a line break and nothing after it.
      fc.pre(!(rows.length > 1 && rows.at(-1)?.length === 1 && rows.at(-1)?.[0] === ''));
      expect(parseTabbedText(toTabbedText(rows))).toEqual(rows);
    }),
    { numRuns: 1_000 },
  );
});

test('text of other programs is read as they mean it', () => {
  expect(parseTabbedText('a\tb\r\nc\td\r\n')).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  expect(parseTabbedText('a\tb\nc')).toEqual([
    ['a', 'b'],
    ['c', ''],
  ]);
  expect(parseTabbedText('"two\nlines"\t"a ""quote"""')).toEqual([['two\nlines', 'a "quote"']]);
  expect(parseTabbedText('5" pipe\t"open')).toEqual([['5" pipe', '"open']]);
});

const cellArbitrary = fc.record<Cell>(
  { value: fc.constantFrom(null, 1, 'a', true), format: fc.constantFrom('0', '@') },
  { requiredKeys: ['value'] },
);

test('rectangles of a block write each of its cells once, empty ones too, with its format', () => {
  const block = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
    .chain(([rows, columns]) =>
      fc.array(fc.array(cellArbitrary, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
    );
  fc.assert(
    fc.property(block, (cells) => {
      const written = new Map<string, Cell>();
      for (const { row, column, values, format } of blockWrites(10, 20, cells)) {
        values.forEach((line, down) => {
          line.forEach((value, across) => {
            const name = `${row + down} ${column + across}`;
            expect(written.has(name)).toBe(false);
            written.set(name, value === null || format === undefined ? { value } : { value, format });
          });
        });
      }
      const wanted = cells.flatMap((line, down) =>
        line.map(
          ({ value, format }, across) =>
            [`${10 + down} ${20 + across}`, value === null || format === undefined ? { value } : { value, format }] as const,
        ),
      );
      expect(new Map([...written].sort())).toEqual(new Map([...wanted].sort()));
    }),
  );
});

test('a block of one format is one entry, and a large one is several, each well below the limit', () => {
  expect(
    blockWrites(
      0,
      0,
      Array.from({ length: 100 }, () => Array.from({ length: 10 }, () => ({ value: 1 }))),
    ),
  ).toHaveLength(1);
  const long = blockWrites(
    0,
    0,
    Array.from({ length: 300 }, () => [{ value: 'é'.repeat(10_000) }, { value: 1, format: '0' }]),
  );
  expect(long.length).toBeGreaterThan(5);
  for (const write of long) {
    expect(() => sheet.parseEntry({ type: 'SetCellRange', ...write })).not.toThrow();
  }
  const wide = blockWrites(0, 0, [Array.from({ length: 60 }, () => ({ value: 'x'.repeat(30_000) }))]);
  for (const write of wide) {
    expect(() => sheet.parseEntry({ type: 'SetCellRange', ...write })).not.toThrow();
  }
  expect(wide.flatMap(({ values }) => values[0])).toHaveLength(60);
});

test('an undo leaves alone what is not as the step made it, and says which cells', () => {
  const stack = createUndoStack();
  const cells: Record<string, Cell | undefined> = {
    '0 0': { value: 2 },
    '0 1': { value: 'theirs' },
    '0 2': undefined,
    '0 3': { value: 4 },
  };
  const change = (column: number, before: Cell | undefined, value: number) => ({ row: 0, column, before, after: { value } });
  stack.push({
    name: 'typing',
    changes: [change(0, { value: 1 }, 2), change(1, { value: 1 }, 2), change(2, { value: 1 }, 2), change(3, undefined, 4)],
  });
  const plan = stack.undo((row, column) => cells[`${row} ${column}`]);
  expect(plan?.changes).toEqual([{ row: 0, column: 0, before: { value: 2 }, after: { value: 1 } }]);
  expect(plan?.overwritten.map(({ column }) => column)).toEqual([1]);
  expect(plan?.unknown).toBe(2);
  expect([stack.undoName, stack.redoName]).toEqual([undefined, 'typing']);
  stack.push({ name: 'another', changes: [] });
  expect(stack.redoName).toBeUndefined();
});

async function twoPeople() {
  const log = createMemoryEventLog() as unknown as SheetLog;
  const blobs = await blobsOfLog(createMemoryBlobStore(), 'a');
  const open = liveSheets(onTestFinished);
  const [mine, theirs] = [await open(log, blobs, { conflict: 'report' }), await open(log, blobs)];
  return { mine, theirs, edits: createSheetEdits(mine), value: (row: number, column: number) => mine.view.getCell(row, column)?.value };
}

test('one undoes what one has typed, pasted, filled, formatted and cleared, step by step, and redoes it', async () => {
  const { edits, value, mine } = await twoPeople();
  const range = (row: number, column: number, rowCount = 1, columnCount = 1) => ({ row, column, rowCount, columnCount });
  edits.enter({ row: 0, column: 0 }, '5');
  expect(edits.paste(range(1, 0, 2, 2), () => [[{ value: 'x' }]])).toEqual(range(1, 0, 2, 2));
  await edits.fill(range(0, 0, 2, 1), 'down');
  await edits.setFormat(range(0, 0, 2, 2), () => '0.00');
  await edits.clear(range(0, 0, 3, 2));
  expect(value(2, 1)).toBeNull();
  edits.undo();
  expect(mine.view.getCell(1, 0)).toEqual({ value: 5, format: '0.00' });
  edits.undo();
  expect(mine.view.getCell(1, 0)).toEqual({ value: 5 });
  edits.undo();
  expect([value(1, 0), value(2, 1)]).toEqual(['x', 'x']);
  edits.undo();
  expect([value(0, 0), value(1, 0)]).toEqual([5, null]);
  edits.undo();
  expect([value(0, 0), edits.undo()]).toEqual([null, undefined]);
  for (let count = 0; count < 5; count += 1) {
    edits.redo();
  }
  expect([value(0, 0), edits.redo()]).toEqual([null, undefined]);
  await mine.flush();
  expect(mine.view.sync).toMatchObject({ state: 'saved', rolledBack: [] });
});

test('an undo does not overwrite what somebody else has written since', async () => {
  const { edits, mine, theirs, value } = await twoPeople();
  edits.paste({ row: 0, column: 0, rowCount: 1, columnCount: 1 }, () => [[{ value: 1 }, { value: 2 }]]);
  await mine.flush();
  await theirs.setCell(0, 1, 'theirs');
  await whenView(mine, 'their edit is seen', () => value(0, 1) === 'theirs');
  const plan = edits.undo();
  expect(plan?.overwritten).toMatchObject([{ row: 0, column: 1 }]);
  expect([value(0, 0), value(0, 1)]).toEqual([null, 'theirs']);
  expect([edits.isOwn(0, 0), edits.isOwn(5, 5)]).toEqual([true, false]);
});

test('what is too much at once is refused with the limit, and nothing is changed', async () => {
  const { edits, mine } = await twoPeople();
  const all = { row: 0, column: 0, rowCount: 2 ** 20, columnCount: 26 };
  await expect(edits.fill(all, 'down')).rejects.toThrow(
    'A1:Z1048576 has 27,262,976 cells, over the limit of 100,000 at a time. Select fewer.',
  );
  expect(() => edits.enter({ row: 0, column: 0 }, 'x'.repeat(40_000))).toThrow('over the limit of 32767');
  await edits.clear(all);
  expect([mine.view.sync.state, edits.undoName]).toEqual(['saved', undefined]);
});
