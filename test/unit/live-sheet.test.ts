import { describe, expect, onTestFinished, test } from 'vitest';
import { CellConflictError, EditUnconfirmedError, HistoryGoneError, InvalidInputError, SheetClosedError } from '../../src/errors.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet, type SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { TILE_COLUMNS, TILE_ROWS } from '../../src/spreadsheet/tile.ts';
import {
  caughtUp,
  cellsOf,
  expectNoneLost,
  liveSheets,
  type Trouble,
  troubledLog,
  watchShownCells,
  whenView,
} from '../support/live-sheets.ts';
import { until } from '../support/until.ts';
import { blobNames, cell, expectedContent, newBlobs, newLog, snapshotAt, watchBlobs, withQueries } from './snapshot-fixtures.ts';

const live = liveSheets(onTestFinished);
const corner = { row: 0, column: 0, rowCount: 50, columnCount: 26 };
const settle = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable('it did not fail'),
    (error) => error,
  );

/** 300 × 40 cells, a snapshot before the last entry. */
async function filledSheet() {
  const values = (band: number) =>
    Array.from({ length: 50 }, (_, row) => Array.from({ length: 40 }, (_, column) => band * 10_000 + row * 100 + column));
  const entries: SheetEntry[] = Array.from({ length: 6 }, (_, band) => ({
    type: 'SetCellRange',
    row: band * 50,
    column: 0,
    values: values(band),
  }));
  entries.push(cell(0, 0, 'first'));
  const log: SheetLog = await newLog(entries);
  const blobs = await newBlobs();
  await snapshotAt({ log, blobs, logType: sheet, sequenceId: 6n });
  return { log, blobs, entries };
}

const area = { rows: 300, columns: 40 };
const everything = { row: 0, column: 0, rowCount: area.rows, columnCount: area.columns };

async function entriesIn(log: SheetLog): Promise<SheetEntry[]> {
  const entries: SheetEntry[] = [];
  for (;;) {
    const page = await log.query(BigInt(entries.length), 'end');
    entries.push(...page.entries);
    if (page.isComplete) return entries;
  }
}

describe('a view', () => {
  test('tells a cell that is not loaded from an empty one', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs);
    expect(opened.view.getCell(10, 3)).toBeUndefined();
    expect(opened.view.getCell(0, 0), 'written since the snapshot').toEqual({ value: 'first' });
    expect(opened.view.getCell(5_000, 3), 'no tile is there').toEqual({ value: null });
    await opened.setViewport(corner);
    expect(opened.view.getCell(10, 3)).toEqual({ value: 1_003 });
    expect(opened.view.getRange({ row: 299, column: 39, rowCount: 2, columnCount: 1 })).toEqual([[undefined], [undefined]]);
    expect(() => opened.view.getCell(-1, 0)).toThrow(InvalidInputError);
    expect(() => opened.view.getRange({ ...corner, rowCount: 0 })).toThrow(InvalidInputError);
  });

  test('never changes: an edit makes another one', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs, { viewport: everything });
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    const before = opened.view;
    expect(opened.view).toBe(before);
    void opened.setCell(10, 3, 'mine');
    expect(opened.view).not.toBe(before);
    expect(before.getCell(10, 3)).toEqual({ value: 1_003 });
    expect(opened.view.getCell(10, 3)).toEqual({ value: 'mine' });
    await opened.flush();
    expect(before.sync.state).toBe('saved');
    expect(before.sequenceId).toBe(7n);
  });

  test('counts what it shows: exactly where tiles are loaded, and says where not', async () => {
    const { log, blobs, entries } = await filledSheet();
    const opened = await live(log, blobs);
    expect(opened.view.counts).toMatchObject({ rowCount: 300, columnCount: 40, cellCount: 12_000, isExact: false });
    await opened.setViewport(everything);
    expect(opened.view.counts).toEqual({ ...expectedContent(entries).counts, isExact: true });
    void opened.setRange(299, 0, [Array.from({ length: 40 }, () => null)]);
    expect(opened.view.counts).toEqual({ rowCount: 299, columnCount: 40, cellCount: 11_960, isExact: true });
    void opened.setCell(2_000, 100, 1);
    expect(opened.view.counts).toEqual({ rowCount: 2_001, columnCount: 101, cellCount: 11_961, isExact: true });
  });

  test('is told of to subscribers until they leave', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs);
    const views: unknown[] = [];
    const leave = opened.subscribe(() => void views.push(opened.view));
    await opened.setCell(0, 0, 1);
    expect(views.length).toBeGreaterThanOrEqual(2);
    expect(views.at(-1)).toBe(opened.view);
    leave();
    const count = views.length;
    await opened.setCell(0, 0, 2);
    expect(views).toHaveLength(count);
  });
});

describe('a viewport', () => {
  test('loads its tiles alone, side by side, and says what is loading', async () => {
    const { log, blobs } = await filledSheet();
    const { dir, reads } = watchBlobs(blobs);
    let together = 0;
    let most = 0;
    const slow = {
      ...dir,
      async readBlob(name: string) {
        together += name.startsWith('tile-') ? 1 : 0;
        most = Math.max(most, together);
        const bytes = await dir.readBlob(name);
        await new Promise((resolve) => setTimeout(resolve, 5));
        together -= name.startsWith('tile-') ? 1 : 0;
        return bytes;
      },
    };
    const opened = await live(log, slow);
    const loaded = opened.setViewport({ row: 100, column: 10, rowCount: 50, columnCount: 26 });
    expect(opened.view.load).toMatchObject({ isComplete: false, failed: [] });
    expect(opened.view.load.loading).toHaveLength(4);
    await loaded;
    expect(opened.view.load).toEqual({ isComplete: true, loading: [], failed: [] });
    expect(reads.filter((name) => name.startsWith('tile-'))).toHaveLength(4);
    expect(most).toBe(4);
    expect(opened.view.getCell(140, 30)).toEqual({ value: 24_030 });
  });

  test('keeps tiles outside it while there is room for them', async () => {
    const { log, blobs } = await filledSheet();
    const { dir, reads } = watchBlobs(blobs);
    const left = { row: 0, column: 0, rowCount: 10, columnCount: 10 };
    const right = { ...left, column: 32, columnCount: 8 };
    for (const [cacheBytes, again] of [
      [1_000_000, 0],
      [0, 1],
    ] as const) {
      const opened = await live(log, dir, { cacheBytes });
      await opened.setViewport(left);
      await opened.setViewport(right);
      reads.length = 0;
      await opened.setViewport(left);
      expect(reads.length).toBe(again);
      expect(opened.view.getCell(1, 35) === undefined).toBe(again === 1);
      expect(opened.view.getCell(1, 1)).toEqual({ value: 101 });
    }
  });

  test('of a large sheet reads the pages it needs, once', async () => {
    const entries: SheetEntry[] = Array.from({ length: 400 }, (_, index) =>
      cell((index % 20) * TILE_ROWS, Math.floor(index / 20) * TILE_COLUMNS, index),
    );
    const log: SheetLog = await newLog([...entries, cell(1, 1, 1)]);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 400n });
    const { dir, reads } = watchBlobs(blobs);
    const opened = await live(log, dir);
    await opened.setViewport({ row: 0, column: 0, rowCount: 300, columnCount: 60 });
    expect(reads.filter((name) => name.startsWith('page-'))).toHaveLength(1);
    expect(reads.filter((name) => name.startsWith('tile-'))).toHaveLength(10);
    await opened.setViewport({ row: 0, column: 0, rowCount: 1_300, columnCount: 650 });
    expect(cellsOf(opened.view, { rows: 1_300, columns: 650 })).toEqual(expectedContent([...entries, cell(1, 1, 1)]).cells);
    expect(opened.view.counts).toMatchObject({ ...expectedContent([...entries, cell(1, 1, 1)]).counts, isExact: true });
  });

  test('with a cache that is shared, a second sheet reads nothing again', async () => {
    const { log, blobs } = await filledSheet();
    const { dir, reads } = watchBlobs(blobs);
    const cache = createSnapshotCache();
    await (await live(log, dir, { cache })).setViewport(corner);
    const count = reads.length;
    await (await live(log, dir, { cache })).setViewport(corner);
    expect(reads).toHaveLength(count);
  });
});

describe('an edit', () => {
  test('is in the view at once, then in the log', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs, { viewport: corner });
    const confirmed = opened.setCell(3, 2, 42, '0.00');
    expect(opened.view.getCell(3, 2)).toEqual({ value: 42, format: '0.00' });
    expect(opened.view.sync).toMatchObject({ state: 'saving', waitingEdits: 1 });
    expect(await confirmed).toBe(7n);
    expect(opened.view.sync).toEqual({ state: 'saved', waitingEdits: 0, rolledBack: [] });
    expect(opened.view.getCell(3, 2)).toEqual({ value: 42, format: '0.00' });
    expect((await entriesIn(log)).at(-1)).toEqual({ type: 'SetCellValueAndFormat', row: 3, column: 2, value: 42, format: '0.00' });
    await opened.setRange(3, 2, [
      [null, true],
      ['a', { type: 'CellError', value: '#REF!' }],
    ]);
    expect(opened.view.getRange({ row: 3, column: 2, rowCount: 2, columnCount: 2 })).toEqual([
      [{ value: null }, { value: true }],
      [{ value: 'a' }, { value: { type: 'CellError', value: '#REF!' } }],
    ]);
  });

  test('that is none is refused before anything has happened', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs);
    const before = opened.view;
    for (const attempt of [
      opened.setCell(-1, 0, 1),
      opened.setCell(0, 2 ** 20, 1),
      opened.setCell(0, 0, Number.NaN),
      opened.setCell(0, 0, 'x'.repeat(32_768)),
      opened.setRange(0, 0, [[1, 2], [3]]),
      opened.setRange(0, 0, []),
    ]) {
      expect(await settle(attempt)).toBeInstanceOf(InvalidInputError);
    }
    expect(opened.view).toBe(before);
  });

  test('is sent in its order, many in one append, one append at a time', async () => {
    const { log, blobs } = await filledSheet();
    const sizes: number[] = [];
    let running = 0;
    const counted: SheetLog = {
      ...log,
      async addEntries(entries, ...rest) {
        running += 1;
        expect(running).toBe(1);
        sizes.push(entries.length);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running -= 1;
        return log.addEntries(entries, ...rest);
      },
    };
    const opened = await live(counted, blobs);
    const ids = await Promise.all(Array.from({ length: 1_200 }, (_, index) => opened.setCell(0, 1, index)));
    expect(ids).toEqual(ids.map((_, index) => 7n + BigInt(index)));
    expect(sizes.length).toBeLessThanOrEqual(4);
    expect((await log.query(1_206n, 'end')).entries).toMatchObject([{ value: 1_199 }]);
  });

  test('by another client appears by a hint, and without one by looking', async () => {
    const { log, blobs } = await filledSheet();
    const deaf = { ...log, subscribe: () => () => {} };
    const [one, two, three] = [
      await live(log, blobs, { pollMs: 60_000 }),
      await live(log, blobs, { pollMs: 60_000 }),
      await live(deaf, blobs),
    ];
    await one.setCell(7, 7, 'hello');
    await Promise.all([two, three].map((other) => caughtUp(other, 8n)));
    expect(two.view.getCell(7, 7)).toEqual({ value: 'hello' });
    expect(three.view.getCell(7, 7)).toEqual({ value: 'hello' });
  });
});

describe('two clients', () => {
  test('that edit 1,000 different cells at once: none is refused, whatever the policy', async () => {
    for (const conflict of ['overwrite', 'report'] as const) {
      const { log, blobs, entries } = await filledSheet();
      const clients = [
        await live(log, blobs, { conflict, viewport: everything }),
        await live(log, blobs, { conflict, viewport: everything }),
      ];
      const edits = clients.flatMap((client, which) =>
        Array.from({ length: 500 }, (_, index) => client.setCell(Math.floor(index / 20), 2 * (index % 20) + which, `${which}/${index}`)),
      );
      const ids = await Promise.all(edits);
      expect(new Set(ids).size).toBe(1_000);
      const expected = await entriesIn(log);
      expect(expected).toHaveLength(entries.length + 1_000);
      for (const client of clients) {
        await caughtUp(client, 1_007n);
        expect(cellsOf(client.view, area)).toEqual(expectedContent(expected).cells);
        expect(client.view.sync.rolledBack).toEqual([]);
      }
    }
  });

  /** Both know the log as it is; theirs is appended before ours is sent. */
  async function meeting(conflict: 'overwrite' | 'report', theirs: SheetEntry) {
    const { log, blobs } = await filledSheet();
    let isFirst = true;
    const late = troubledLog(log, async (call) => {
      if (call === 'append' && isFirst) {
        isFirst = false;
        await log.addEntry(theirs, 7n);
      }
      return undefined;
    });
    return { log, opened: await live(late, blobs, { conflict, viewport: corner, pollMs: 60_000 }) };
  }

  test("on one cell: with 'overwrite' the last writer wins", async () => {
    const { log, opened } = await meeting('overwrite', cell(1, 1, 'theirs'));
    expect(await opened.setCell(1, 1, 'ours')).toBe(8n);
    expect(opened.view.getCell(1, 1)).toEqual({ value: 'ours' });
    expect((await entriesIn(log)).slice(-2)).toMatchObject([{ value: 'theirs' }, { value: 'ours' }]);
  });

  test("on one cell: with 'report' ours is rolled back, with both values, and other edits go on", async () => {
    const { log, opened } = await meeting('report', cell(1, 1, 'theirs', '@'));
    const [ours, other] = [opened.setCell(1, 1, 'ours'), opened.setCell(1, 2, 'other')];
    const error = (await settle(ours)) as CellConflictError;
    expect(error).toBeInstanceOf(CellConflictError);
    expect(error.cells).toEqual([{ row: 1, column: 1, ours: { value: 'ours' }, theirs: { value: 'theirs', format: '@' } }]);
    expect(error.message).toBe('B2 was written by somebody else: it holds "theirs", "ours" was not saved. Set it again to replace it.');
    expect(await other).toBe(8n);
    expect(opened.view.getCell(1, 1)).toEqual({ value: 'theirs', format: '@' });
    expect(opened.view.sync).toEqual({ state: 'conflict', waitingEdits: 0, rolledBack: [error] });
    opened.acknowledge();
    expect(opened.view.sync.state).toBe('saved');
    expect(await entriesIn(log)).toHaveLength(9);
    await opened.setCell(1, 1, 'ours after all');
    expect(opened.view.getCell(1, 1)).toEqual({ value: 'ours after all' });
  });

  test('a range that meets theirs in one cell is rolled back whole', async () => {
    const { opened } = await meeting('report', cell(2, 2, 'theirs'));
    const error = (await settle(
      opened.setRange(1, 1, [
        ['a', 'b'],
        ['c', 'd'],
      ]),
    )) as CellConflictError;
    expect(error.cells).toMatchObject([{ row: 2, column: 2, ours: { value: 'd' }, theirs: { value: 'theirs' } }]);
    expect(opened.view.getCell(1, 1)).toEqual({ value: 101 });
  });

  test('that write the same value are not in conflict', async () => {
    const { log, opened } = await meeting('report', cell(1, 1, 'same'));
    await opened.setCell(1, 1, 'same');
    expect(opened.view.sync.rolledBack).toEqual([]);
    expect((await entriesIn(log)).at(-1)).toMatchObject({ value: 'same' });
  });
});

describe('a log that fails', () => {
  test.each<Trouble>(['before', 'after', 'never'])('in an append, %s it has happened: it is written once', async (kind) => {
    const { log, blobs } = await filledSheet();
    let left = 3;
    const opened = await live(
      troubledLog(log, (call) => (call === 'append' && left-- > 0 ? kind : undefined)),
      blobs,
      { requestTimeoutMs: 30 },
    );
    const states = new Set<string>();
    opened.subscribe(() => void states.add(opened.view.sync.state));
    const edits = [opened.setCell(1, 1, 'one'), opened.setCell(1, 2, 'two')];
    await until('reconnecting', () => states.has('reconnecting'));
    edits.push(opened.setCell(1, 3, 'three'));
    expect(await Promise.all(edits)).toEqual([7n, 8n, 9n]);
    expect((await entriesIn(log)).slice(7)).toEqual([cell(1, 1, 'one'), cell(1, 2, 'two'), cell(1, 3, 'three')]);
    await whenView(opened, 'saved', ({ sync }) => sync.state === 'saved');
    expect(opened.view.sync).not.toHaveProperty('error');
  });

  test('after it has happened, and others have written behind it: still once', async () => {
    const { log, blobs } = await filledSheet();
    let isFirst = true;
    const opened = await live(
      troubledLog(log, async (call) => {
        if (call === 'append' && isFirst) {
          isFirst = false;
          await log.addEntries([cell(1, 1, 'one'), cell(5, 5, 'theirs')], 7n);
          return 'before'; // ours has arrived; its answer has not, nor does another one come
        }
        return undefined;
      }),
      blobs,
      { conflict: 'report' },
    );
    expect(await Promise.all([opened.setCell(1, 1, 'one'), opened.setCell(1, 2, 'two')])).toEqual([7n, 9n]);
    expect((await entriesIn(log)).slice(7)).toEqual([cell(1, 1, 'one'), cell(5, 5, 'theirs'), cell(1, 2, 'two')]);
  });

  test('and is truncated past an append without an answer: the edit says that it may have been saved', async () => {
    const { log, blobs } = await filledSheet();
    let isDown = false;
    const opened = await live(
      troubledLog(log, (call) => {
        const wasDown = isDown;
        isDown ||= call === 'append';
        return wasDown ? 'before' : isDown ? 'after' : undefined;
      }),
      blobs,
      { viewport: corner },
    );
    const edit = opened.setCell(1, 1, 'mine');
    await whenView(opened, 'reconnecting', ({ sync }) => sync.state === 'reconnecting');
    await log.addEntry(cell(1, 1, 'newer'), 8n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 9n - 1n });
    await log.truncate(8n);
    isDown = false;
    const error = await settle(edit);
    expect(error).toBeInstanceOf(EditUnconfirmedError);
    expect(opened.view.getCell(1, 1)).toEqual({ value: 'newer' });
    await whenView(opened, 'conflict', ({ sync }) => sync.state === 'conflict');
    expect(opened.view.sync.rolledBack).toEqual([error]);
    expect(opened.view.base).toMatchObject({ sequenceId: 8n, reopenedFrom: 7n });
  });

  test('in queries: edits wait, and all is well again by itself', async () => {
    const { log, blobs } = await filledSheet();
    let isDown = false;
    const opened = await live(
      troubledLog(log, () => (isDown ? 'before' : undefined)),
      blobs,
    );
    isDown = true;
    await whenView(opened, 'reconnecting', ({ sync }) => sync.state === 'reconnecting');
    const edit = opened.setCell(0, 5, 'kept');
    expect(opened.view.sync).toMatchObject({ state: 'reconnecting', waitingEdits: 1 });
    expect(opened.view.getCell(0, 5)).toEqual({ value: 'kept' });
    isDown = false;
    expect(await edit).toBe(7n);
    await whenView(opened, 'saved', ({ sync }) => sync.state === 'saved');
  });

  test('waits longer each time, and `retry` does not', async () => {
    const { log, blobs } = await filledSheet();
    let isDown = true;
    let calls = 0;
    const opened = await live(
      troubledLog(log, (call) => {
        calls += call === 'append' ? 1 : 0;
        return isDown && call === 'append' ? 'before' : undefined;
      }),
      blobs,
      { retryMs: 600_000 },
    );
    const edit = opened.setCell(0, 0, 1);
    await whenView(opened, 'reconnecting', ({ sync }) => sync.state === 'reconnecting');
    expect(calls).toBe(1);
    isDown = false;
    opened.retry();
    await edit;
    expect(calls).toBe(2);
  });

  test('an edit that the log refuses is rolled back alone', async () => {
    const { log, blobs } = await filledSheet();
    const strict: SheetLog = {
      ...log,
      async addEntries(entries, ...rest) {
        if (entries.some((entry) => 'value' in entry && entry.value === 'bad')) throw new InvalidInputError('not today');
        return log.addEntries(entries, ...rest);
      },
    };
    const opened = await live(strict, blobs);
    const [one, bad, two] = [opened.setCell(0, 1, 1), opened.setCell(0, 2, 'bad'), opened.setCell(0, 3, 3)];
    expect(await settle(bad)).toMatchObject({ message: 'not today' });
    expect(await Promise.all([one, two])).toEqual([7n, 8n]);
    expect(opened.view.sync.state).toBe('conflict');
  });
});

describe('a newer snapshot', () => {
  test('is moved to when the writes since the old one have grown, and no cell that is shown is lost', async () => {
    const { log, blobs, entries } = await filledSheet();
    const opened = await live(log, blobs, { viewport: everything, maxOverlayBytes: 20_000 });
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    const watched = watchShownCells(opened, area);
    const writer = await live(log, blobs);
    const written: SheetEntry[] = [];
    for (let round = 0; round < 6; round += 1) {
      const batch = Array.from({ length: 100 }, (_, index) => cell((index * 37 + round) % 300, (index + round) % 40, `${round}/${index}`));
      written.push(...batch);
      await Promise.all(
        batch.map((entry) => (entry.type === 'SetCellValueAndFormat' ? writer.setCell(entry.row, entry.column, entry.value) : undefined)),
      );
      const at = writer.view.sequenceId - 1n;
      await snapshotAt({ log, blobs, logType: sheet, sequenceId: at });
      await caughtUp(opened, at + 1n);
    }
    await whenView(opened, 'on a newer snapshot', ({ base }) => base.sequenceId > 400n);
    expect(cellsOf(opened.view, area)).toEqual(expectedContent([...entries, ...written]).cells);
    expect(opened.view.counts).toEqual({ ...expectedContent([...entries, ...written]).counts, isExact: true });
    expectNoneLost(watched);
  });

  test('with a tile that cannot be read is not moved to: what is shown stays, and it is said', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs, { viewport: everything, maxOverlayBytes: 0 });
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    const watched = watchShownCells(opened, area);
    const old = new Set(await blobNames(blobs));
    await log.addEntries([cell(0, 1, 'new'), cell(0, 2, 'newer')], 7n);
    const blobId = await snapshotAt({ log, blobs, logType: sheet, sequenceId: 8n });
    for (const name of await blobNames(blobs, 'tile-')) if (!old.has(name)) await blobs.writeBlob(name, new Uint8Array([1]));
    await log.addEntry(cell(0, 3, 'newest'), 9n);
    await whenView(opened, 'the fallback is said', ({ base }) => base.fallbacks.length === 1);
    expect(opened.view.base).toMatchObject({ sequenceId: 6n, fallbacks: [{ sequenceId: 8n, blobId }] });
    expect(opened.view.getCell(0, 3)).toEqual({ value: 'newest' });
    expectNoneLost(watched);
  });

  test('is opened behind a truncated log, which the view says; edits that wait are kept', async () => {
    const { log, blobs, entries } = await filledSheet();
    let isDown = false;
    const opened = await live(
      troubledLog(log, () => (isDown ? 'before' : undefined)),
      blobs,
      { viewport: everything },
    );
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    const watched = watchShownCells(opened, area);
    isDown = true;
    const edit = opened.setCell(9, 9, 'waiting');
    const more = Array.from({ length: 50 }, (_, index) => cell(index, index % 40, `late ${index}`));
    await log.addEntries(more, 7n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 50n });
    await log.truncate(50n);
    isDown = false;
    expect(await edit).toBe(57n);
    expect(opened.view.base).toEqual({ sequenceId: 50n, reopenedFrom: 7n, fallbacks: [] });
    expect(cellsOf(opened.view, area)).toEqual(expectedContent([...entries, ...more, cell(9, 9, 'waiting')]).cells);
    expectNoneLost(watched);
  });

  test("behind a truncated log 'report' rolls back what was overwritten, and only that", async () => {
    const { log, blobs } = await filledSheet();
    let isDown = false;
    const opened = await live(
      troubledLog(log, () => (isDown ? 'before' : undefined)),
      blobs,
      { viewport: everything, conflict: 'report' },
    );
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    isDown = true;
    await whenView(opened, 'reconnecting', ({ sync }) => sync.state === 'reconnecting');
    const [meets, alone] = [opened.setCell(1, 1, 'ours'), opened.setCell(2, 2, 'ours')];
    await log.addEntries([cell(1, 1, 'theirs'), cell(30, 30, 1)], 7n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 8n });
    await log.truncate(8n);
    isDown = false;
    expect(await settle(meets)).toMatchObject({ cells: [{ row: 1, column: 1, ours: { value: 'ours' }, theirs: { value: 'theirs' } }] });
    expect(await alone).toBe(9n);
  });

  test('that is far ahead is opened in place of folding what lies between', async () => {
    const { log, blobs } = await filledSheet();
    const queried: unknown[] = [];
    let isDown = false;
    const counted = withQueries(log, (start) => void queried.push(start));
    const opened = await live(
      troubledLog(counted, () => (isDown ? 'before' : undefined)),
      blobs,
      { viewport: corner },
    );
    isDown = true;
    await whenView(opened, 'reconnecting', ({ sync }) => sync.state === 'reconnecting');
    const many = Array.from({ length: 12_000 }, (_, index) => cell(index % 300, index % 40, index));
    for (let start = 0; start < many.length; start += 4_000) await log.addEntries(many.slice(start, start + 4_000), BigInt(7 + start));
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 12_000n });
    queried.length = 0;
    isDown = false;
    await caughtUp(opened, 12_007n);
    expect(queried.length).toBeLessThan(6);
    expect(opened.view.base.sequenceId).toBe(12_000n);
  });
});

describe('blobs that fail', () => {
  test('a corrupt and a missing tile are named, the others load, and all recovers by itself', async () => {
    const { log, blobs, entries } = await filledSheet();
    const [first = '', second = ''] = await blobNames(blobs, 'tile-');
    const good = [await blobs.readBlob(first), await blobs.readBlob(second)] as const;
    await blobs.writeBlob(first, new Uint8Array([1, 2]));
    await blobs.removeBlob(second);
    const opened = await live(log, blobs);
    await opened.setViewport(everything);
    expect(opened.view.load.isComplete).toBe(false);
    expect(opened.view.load.failed.map(({ error }) => error.name).sort()).toEqual(['BlobNotFoundError', 'CorruptBlobError']);
    const seen = opened.view
      .getRange(everything)
      .flat()
      .filter((one) => one !== undefined).length;
    expect(seen).toBeGreaterThan(12_000 / 2);
    expect(seen).toBeLessThan(12_000);
    await blobs.writeBlob(first, good[0]);
    await blobs.writeBlob(second, good[1]);
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    expect(cellsOf(opened.view, area)).toEqual(expectedContent(entries).cells);
  });

  test('a tile that hangs is a timeout, and `retry` loads it at once', async () => {
    const { log, blobs } = await filledSheet();
    let hangs = true;
    const [slow = ''] = await blobNames(blobs, 'tile-');
    const dir = { ...blobs, readBlob: (name: string) => (hangs && name === slow ? new Promise<never>(() => {}) : blobs.readBlob(name)) };
    const opened = await live(log, dir, { blobTimeoutMs: 30, retryMs: 600_000 });
    await opened.setViewport(everything);
    expect(opened.view.load.failed).toMatchObject([
      { error: { code: 'unavailable', message: `Blob '${slow}' did not answer within 30 ms. It is tried again.` } },
    ]);
    hangs = false;
    opened.retry();
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
  });

  test('a snapshot of a newer format is left for an older one; where none is, opening fails with its name', async () => {
    const { log, blobs, entries } = await filledSheet();
    const good = await snapshotAt({ log, blobs, logType: sheet, sequenceId: 3n });
    const newest = (await log.query(6n, 'end')).entries[0]?.snapshot ?? '';
    const newer = new Response(
      new Blob([JSON.stringify({ format: 'tidemark-sheet', formatVersion: 2 })]).stream().pipeThrough(new CompressionStream('gzip')),
    );
    await blobs.writeBlob(newest, new Uint8Array(await newer.arrayBuffer()));
    const opened = await live(log, blobs, { viewport: everything });
    expect(opened.view.base).toMatchObject({ sequenceId: 3n, fallbacks: [{ sequenceId: 6n, blobId: newest }] });
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    expect(cellsOf(opened.view, area)).toEqual(expectedContent(entries).cells);
    await blobs.removeBlob(good);
    await log.truncate(3n);
    await expect(openSheet({ log, blobs, live: true })).rejects.toThrow(newest);
    await log.truncate(7n);
    await expect(openSheet({ log, blobs, live: true })).rejects.toThrow(HistoryGoneError);
  });

  test('tiles that were removed with their snapshot are had from a newer one', async () => {
    const { log, blobs, entries } = await filledSheet();
    const opened = await live(log, blobs);
    const old = await blobNames(blobs);
    const overwritten: SheetEntry = {
      type: 'SetCellRange',
      row: 0,
      column: 0,
      values: Array.from({ length: 300 }, () => Array.from({ length: 40 }, () => 'x')),
    };
    await log.addEntries([overwritten, cell(0, 0, 'y')], 7n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 8n });
    for (const name of old) await blobs.removeBlob(name);
    void opened.setViewport(everything);
    await whenView(opened, 'loaded', ({ load, base }) => load.isComplete && base.sequenceId === 8n);
    expect(cellsOf(opened.view, area)).toEqual(expectedContent([...entries, overwritten, cell(0, 0, 'y')]).cells);
  });

  test('behind a truncated log a tile that fails is shown as it was, marked as stale', async () => {
    const { log, blobs } = await filledSheet();
    let isDown = false;
    const opened = await live(
      troubledLog(log, () => (isDown ? 'before' : undefined)),
      blobs,
      { viewport: everything },
    );
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    const watched = watchShownCells(opened, area);
    isDown = true;
    await whenView(opened, 'reconnecting', ({ sync }) => sync.state === 'reconnecting');
    const old = new Set(await blobNames(blobs));
    await log.addEntries([cell(0, 1, 'in the tile'), cell(0, 2, 'after it')], 7n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 8n });
    await log.truncate(8n);
    const [name = ''] = (await blobNames(blobs, 'tile-')).filter((tile) => !old.has(tile));
    const good = await blobs.readBlob(name);
    await blobs.removeBlob(name);
    isDown = false;
    await whenView(opened, 'a stale tile', ({ load }) => load.failed[0]?.isStale === true);
    expect(opened.view.getCell(0, 1)).toEqual({ value: 1 });
    expect(opened.view.getCell(0, 2)).toEqual({ value: 'after it' });
    await blobs.writeBlob(name, good);
    await whenView(opened, 'loaded', ({ load }) => load.isComplete);
    expect(opened.view.getCell(0, 1)).toEqual({ value: 'in the tile' });
    expectNoneLost(watched);
  });
});

describe('close', () => {
  test('ends everything; edits that wait reject, the last view stays', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(
      troubledLog(log, (call) => (call === 'append' ? 'before' : undefined)),
      blobs,
    );
    const edit = opened.setCell(0, 0, 'unsaved');
    const flushed = opened.flush();
    flushed.catch(() => {});
    await opened.close();
    expect(await settle(edit)).toBeInstanceOf(SheetClosedError);
    expect(await settle(flushed)).toBeInstanceOf(SheetClosedError);
    expect(opened.view.getCell(0, 0)).toEqual({ value: 'first' });
    for (const call of [opened.setCell(0, 0, 1), opened.setViewport(corner), opened.flush()]) {
      expect(await settle(call)).toBeInstanceOf(SheetClosedError);
    }
    const last = opened.view;
    await log.addEntry(cell(0, 0, 'later'), 7n);
    await opened.close();
    expect(opened.view).toBe(last);
  });

  test('with `flush` saves first', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs);
    const edits = Array.from({ length: 20 }, (_, index) => opened.setCell(index, 0, index));
    await opened.close({ flush: true });
    expect(await Promise.all(edits)).toHaveLength(20);
  });

  test('by a signal; an aborted one opens nothing', async () => {
    const { log, blobs } = await filledSheet();
    const controller = new AbortController();
    const opened = await live(log, blobs, { signal: controller.signal });
    controller.abort();
    await until('closed', () =>
      opened.setCell(0, 0, 1).then(
        () => false,
        (error) => error instanceof SheetClosedError,
      ),
    );
    await expect(openSheet({ log, blobs, live: true, signal: controller.signal })).rejects.toThrow('aborted');
  });

  test('an edit that nobody awaits is no unhandled rejection', async () => {
    const { log, blobs } = await filledSheet();
    const opened = await live(log, blobs);
    void opened.setCell(0, 0, 1);
    await opened.close();
    expect(opened.view.sync.rolledBack).toHaveLength(1);
  });
});

test("a live sheet is not opened 'at' an entry", async () => {
  const { log, blobs } = await filledSheet();
  await expect(openSheet({ log, blobs, live: true, at: 3n } as never)).rejects.toThrow("leave out 'at', or 'live'");
});
