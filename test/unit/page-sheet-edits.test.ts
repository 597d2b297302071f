/** Blocks of cells, the clipboard, and undo in a sheet that others write to. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { CellConflictError } from '../../src/errors.ts';
import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { Cell } from '../../src/spreadsheet/cell.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { blockWrites } from '../../src/web/sheet/edits/block-writes.ts';
import { changedBlocks } from '../../src/web/sheet/edits/changed-blocks.ts';
import { takeFromClipboard } from '../../src/web/sheet/edits/clipboard.ts';
import { parseTabbedText, toTabbedText } from '../../src/web/sheet/edits/clipboard-text.ts';
import { copyCells } from '../../src/web/sheet/edits/copy-cells.ts';
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
  edits.enter({ row: 0, column: 0 }, '5');
  expect(edits.paste(range(1, 0, 2, 2), () => [[{ value: 'x' }]])).toEqual(range(1, 0, 2, 2));
  await edits.fill(range(0, 0, 2, 1), 'down');
  await edits.setFormat(range(0, 0, 2, 2), () => '0.00');
  await edits.clear(range(0, 0, 3, 2));
  expect(value(2, 1)).toBeNull();
  void edits.undo();
  expect(mine.view.getCell(1, 0)).toEqual({ value: 5, format: '0.00' });
  void edits.undo();
  expect(mine.view.getCell(1, 0)).toEqual({ value: 5 });
  void edits.undo();
  expect([value(1, 0), value(2, 1)]).toEqual(['x', 'x']);
  void edits.undo();
  expect([value(0, 0), value(1, 0)]).toEqual([5, null]);
  void edits.undo();
  expect([value(0, 0), await edits.undo()]).toEqual([null, undefined]);
  for (let count = 0; count < 5; count += 1) {
    void edits.redo();
  }
  expect([value(0, 0), await edits.redo()]).toEqual([null, undefined]);
  await mine.flush();
  expect(mine.view.sync).toMatchObject({ state: 'saved', rolledBack: [] });
});

test('an undo does not overwrite what somebody else has written since', async () => {
  const { edits, mine, theirs, value } = await twoPeople();
  edits.paste({ row: 0, column: 0, rowCount: 1, columnCount: 1 }, () => [[{ value: 1 }, { value: 2 }]]);
  await mine.flush();
  await theirs.setCell(0, 1, 'theirs');
  await whenView(mine, 'their edit is seen', () => value(0, 1) === 'theirs');
  const plan = await edits.undo();
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

test('an editor that nobody has written in changes nothing, whatever the cell holds by then', async () => {
  const { edits, mine, theirs, value } = await twoPeople();
  edits.enter({ row: 0, column: 0 }, '10');
  await mine.flush();
  const began = { cell: { value: 10 }, text: '10' };
  await theirs.setCell(0, 0, 20);
  await whenView(mine, 'their edit is seen', () => value(0, 0) === 20);
  expect(edits.enter({ row: 0, column: 0 }, '10', began)).toBe(false);
  await mine.flush();
  expect(value(0, 0)).toBe(20);
});

test('a text for a cell that somebody has written meanwhile is a conflict with both values, and is not written', async () => {
  const { edits, mine, theirs, value } = await twoPeople();
  const place = { row: 0, column: 0 };
  edits.enter(place, '10');
  await mine.flush();
  await theirs.setCell(0, 0, 20);
  await whenView(mine, 'their edit is seen', () => value(0, 0) === 20);
  for (const began of [{ cell: { value: 10 }, text: '10' }, { cell: { value: 10 } }]) {
    const refused = thrownBy(() => edits.enter(place, '11', began)) as CellConflictError;
    expect(refused).toBeInstanceOf(CellConflictError);
    expect(refused.cells).toEqual([{ ...place, ours: { value: 11 }, theirs: { value: 20 } }]);
  }
  expect([value(0, 0), mine.view.sync.waitingEdits]).toEqual([20, 0]);
  // Both have written the same, or have changed how it is shown: nothing is in dispute.
  expect(edits.enter(place, '20', { cell: { value: 10 }, text: '10' })).toBe(false);
  await theirs.setCell(0, 0, 20, '0.00');
  await whenView(mine, 'their format is seen', () => mine.view.getCell(0, 0)?.format === '0.00');
  expect(edits.enter(place, '21', { cell: { value: 20 }, text: '20' })).toBe(true);
  expect(mine.view.getCell(0, 0)).toEqual({ value: 21, format: '0.00' });
});

/** Far from everything that is loaded, on top of a snapshot. */
async function notLoaded(rows: number) {
  const log = createMemoryEventLog() as unknown as SheetLog;
  const blobs = await blobsOfLog(createMemoryBlobStore(), 'a');
  const values = Array.from({ length: rows }, (_, row) => [row, `text ${row}`]);
  await log.addEntries([{ type: 'SetCellRange', row: 0, column: 0, values }], 0n);
  await log.addEntries([{ type: 'SetCellValueAndFormat', row: rows, column: 0, value: 'last' }], 1n);
  await log.setMetadata(1n, { snapshot: await takeSnapshot({ log, blobs, logType: sheet, sequenceId: 1n }) });
  let gate = Promise.resolve();
  const slow: BlobDir = {
    ...blobs,
    async readBlob(name) {
      await gate;
      return await blobs.readBlob(name);
    },
  };
  const live = await liveSheets(onTestFinished)(log, slow);
  const shut = () => {
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  };
  return { live, edits: createSheetEdits(live), shut, value: (row: number, column: number) => live.view.getCell(row, column)?.value };
}

const range = (row: number, column: number, rowCount = 1, columnCount = 1) => ({ row, column, rowCount, columnCount });

test('what has to be loaded first leaves alone what was written after it was asked for', async () => {
  const { live, edits, shut, value } = await notLoaded(200);
  const open = shut();
  const cleared = edits.clear(range(0, 0, 200, 2));
  edits.enter({ row: 5, column: 0 }, 'typed since');
  const filled = edits.fill(range(5, 0, 100, 1), 'down');
  edits.paste(range(7, 1), () => [[{ value: 'pasted since' }]]);
  open();
  await Promise.all([cleared, filled]);
  expect([value(4, 0), value(5, 0), value(6, 0), value(7, 1), value(104, 0), value(105, 0)]).toEqual([
    null,
    'typed since',
    'typed since',
    'pasted since',
    'typed since',
    null,
  ]);
  // What is undone first is what was done last, and of it only what it has changed.
  await edits.undo();
  expect([value(5, 0), value(6, 0)]).toEqual(['typed since', null]);
  await edits.undo();
  expect([value(5, 0), value(6, 0), value(7, 1)]).toEqual(['typed since', 6, 'pasted since']);
  await live.flush();
});

test('an undo waits for what was done before it and is still loading', async () => {
  const { edits, shut, value } = await notLoaded(100);
  const open = shut();
  const cleared = edits.clear(range(0, 0, 100, 2));
  const undone = edits.undo();
  open();
  await Promise.all([cleared, undone]);
  expect([value(3, 0), edits.undoName, edits.redoName]).toEqual([3, undefined, 'clearing A1:B100']);
});

test('cells that are loaded for an action are all loaded, though another action and the view want others', async () => {
  const { edits, shut } = await notLoaded(600);
  const open = shut();
  const [first, second] = [edits.read(range(0, 0, 600, 1)), edits.read(range(300, 1, 300, 1))];
  edits.setViewport(range(100, 0, 20, 10));
  open();
  expect((await first).map(([cell]) => cell?.value)).toEqual(Array.from({ length: 600 }, (_, row) => row));
  expect((await second)[299]).toEqual([{ value: 'text 599' }]);
});

describe('a cut', () => {
  const clipboardOf = (fails = false) => {
    const written: string[] = [];
    const data = new Map<string, string>();
    return {
      written,
      data: {
        setData: (type: string, text: string) => void data.set(type, text),
        getData: (type: string) => data.get(type) ?? '',
      } as DataTransfer,
      clipboard: {
        async writeText(text: string) {
          if (fails) throw new Error('Document is not focused');
          written.push(text);
        },
      },
    };
  };

  test('of cells that are not loaded takes them away once they are on the clipboard, and a paste brings them back as they were', async () => {
    const { live, edits, value } = await notLoaded(100);
    const { written, data, clipboard } = clipboardOf();
    await copyCells({ edits, data, clipboard, range: range(0, 0, 2 ** 20, 26), cellAt: live.view.getCell, isPast: false, isCut: true });
    expect(written[0]?.split('\n')).toHaveLength(101);
    expect([value(0, 0), value(99, 1), edits.undoName]).toEqual([null, null, 'cutting A1:B101']);
    const text = { getData: (type: string) => (type === 'text/plain' ? (written[0] as string) : '') };
    edits.paste(range(0, 3), takeFromClipboard(text) as () => Cell[][]);
    expect([value(0, 3), value(99, 4), value(100, 3)]).toEqual([0, 'text 99', 'last']);
  });

  test('that cannot be copied takes nothing away', async () => {
    const { live, edits, value } = await notLoaded(100);
    const { data, clipboard } = clipboardOf(true);
    const cut = { edits, data, clipboard, range: range(0, 0, 100, 2), cellAt: live.view.getCell, isPast: false, isCut: true };
    await expect(copyCells(cut)).rejects.toThrow('not focused');
    await edits.read(cut.range);
    expect([value(0, 0), edits.undoName, live.view.sync.state]).toEqual([0, undefined, 'saved']);
    edits.enter({ row: 99_999, column: 1_999 }, 'far');
    await expect(copyCells({ ...cut, range: range(0, 0, 2 ** 20, 2_000) })).rejects.toThrow('over the limit of 100,000');
    expect(value(0, 0)).toBe(0);
  });

  test('leaves what is not as it was copied any more', async () => {
    const { edits, value } = await notLoaded(3);
    const cells = await edits.read(range(0, 0, 2, 2));
    edits.enter({ row: 1, column: 1 }, 'since');
    edits.clearTaken({ row: 0, column: 0 }, cells);
    expect([value(0, 0), value(0, 1), value(1, 0), value(1, 1)]).toEqual([null, null, null, 'since']);
  });
});

test('cells that stand anywhere are as few blocks as their rows allow, each cell once', () => {
  const after = { value: 1 };
  const changes = Array.from({ length: 99_999 }, (_, index) => ({
    row: Math.floor(index / 100),
    column: index % 100,
    before: after,
    after,
  }));
  expect(changedBlocks(changes).map(({ row, cells }) => [row, cells.length, cells[0]?.length])).toEqual([
    [0, 999, 100],
    [999, 1, 99],
  ]);
  const places = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 })), {
    selector: String,
    maxLength: 49,
  });
  fc.assert(
    fc.property(places, (chosen) => {
      const made = changedBlocks(chosen.map(([row, column]) => ({ row, column, before: after, after: { value: `${row},${column}` } })));
      const cells = made.flatMap(({ row, column, cells: lines }) =>
        lines.flatMap((line, down) => line.map(({ value }, across) => [`${row + down},${column + across}`, value])),
      );
      expect(cells.length).toBe(chosen.length);
      expect(Object.fromEntries(cells)).toEqual(
        Object.fromEntries(chosen.map(([row, column]) => [`${row},${column}`, `${row},${column}`])),
      );
    }),
  );
});

test('an undo of a large block that somebody has written into is some entries, not one for each cell', async () => {
  const { mine, theirs, edits, value } = await twoPeople();
  edits.paste(range(0, 0, 30, 30), () => [[{ value: 1 }]]);
  await mine.flush();
  await theirs.setCell(15, 15, 'theirs');
  await whenView(mine, 'their edit is seen', () => value(15, 15) === 'theirs');
  await edits.undo();
  expect(mine.view.sync.waitingEdits).toBe(4);
  await mine.flush();
  expect([value(0, 0), value(15, 15), value(29, 29)]).toEqual([null, 'theirs', null]);
});

function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
}
