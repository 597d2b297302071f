import { describe, expect, test } from 'vitest';
import { HistoryGoneError, InvalidInputError, SequenceRangeError } from '../../src/errors.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { cell, contentOf, expectedContent, newBlobs, newLog, snapshotAt, watchBlobs, withQueries } from './snapshot-fixtures.ts';

const entries: SheetEntry[] = Array.from({ length: 400 }, (_, index) =>
  cell((index * 3) % 300, index % 40, index % 11 === 0 ? null : index),
);
const all = { rows: 300, columns: 40 };

test('shows the snapshot with the entries since on top; `at` any sequence id that the log holds', async () => {
  const log = await newLog(entries, 30);
  const blobs = await newBlobs();
  await snapshotAt({ log, blobs, logType: sheet, sequenceId: 100n });
  await snapshotAt({ log, blobs, logType: sheet, sequenceId: 300n });
  for (const at of [0n, 99n, 100n, 250n, 300n, 400n, undefined]) {
    const opened = await openSheet({ log, blobs, at });
    expect(await contentOf(opened, all)).toEqual(expectedContent(entries.slice(0, Number(at ?? 400n))));
  }
  await expect(openSheet({ log, blobs, at: 401n })).rejects.toThrow(SequenceRangeError);
});

test('a cell, a range, and what is empty', async () => {
  const log = await newLog<SheetEntry>([
    {
      type: 'SetCellRange',
      row: 127,
      column: 15,
      values: [
        ['a', 1],
        [null, true],
      ],
      format: '0.0',
    },
    cell(127, 16, 2),
  ]);
  const opened = await openSheet({ log, blobs: await newBlobs() });
  expect(await opened.getCell(127, 15)).toEqual({ value: 'a', format: '0.0' });
  expect(await opened.getCell(999, 999)).toEqual({ value: null });
  expect(await opened.getRange({ row: 127, column: 14, rowCount: 2, columnCount: 3 })).toEqual([
    [{ value: null }, { value: 'a', format: '0.0' }, { value: 2 }],
    [{ value: null }, { value: null }, { value: true, format: '0.0' }],
  ]);
});

describe('refresh', () => {
  test('takes in what was appended, and only that', async () => {
    const log = await newLog(entries.slice(0, 200), 50);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 150n });
    const starts: unknown[] = [];
    const opened = await openSheet({ log: withQueries(log, (start) => void starts.push(start)), blobs });
    expect(await opened.refresh()).toBe(false);
    await log.addEntries(entries.slice(200), 200n);
    expect(opened.sequenceId).toBe(200n);
    expect(await contentOf(opened, all)).toEqual(expectedContent(entries.slice(0, 200)));
    starts.length = 0;
    expect(await Promise.all([opened.refresh(), opened.refresh()])).toEqual([true, true]);
    expect(starts[0]).toBe(200n);
    expect(starts).toHaveLength(4);
    expect(opened.sequenceId).toBe(400n);
    expect(await contentOf(opened, all)).toEqual(expectedContent(entries));
  });

  test('a view of one sequence id stays there', async () => {
    const log = await newLog(entries);
    const opened = await openSheet({ log, blobs: await newBlobs(), at: 123n });
    expect(await opened.refresh()).toBe(false);
    expect(opened.sequenceId).toBe(123n);
  });

  test('behind a truncated log it opens again from the snapshot', async () => {
    const log = await newLog(entries.slice(0, 200), 50);
    const blobs = await newBlobs();
    const opened = await openSheet({ log, blobs });
    await log.addEntries(entries.slice(200), 200n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 390n });
    await log.truncate(390n);
    expect(await opened.refresh()).toBe(true);
    expect(await contentOf(opened, all)).toEqual(expectedContent(entries));
    await log.truncate(400n);
    expect(await opened.refresh()).toBe(false);
    await log.addEntry(cell(0, 0, 'after'), 400n);
    expect(await opened.refresh()).toBe(true);
    expect(await opened.getCell(0, 0)).toEqual({ value: 'after' });
  });

  test('a fully truncated log without a snapshot cannot be opened', async () => {
    const log = await newLog(entries);
    await log.truncate(400n);
    await expect(openSheet({ log, blobs: await newBlobs() })).rejects.toThrow(HistoryGoneError);
  });

  test('very many new entries are folded from the newest snapshot on', async () => {
    const log = await newLog<SheetEntry>([], 5_000);
    const blobs = await newBlobs();
    const opened = await openSheet({ log, blobs });
    const many = Array.from({ length: 12_000 }, (_, index) => cell(index % 300, index % 40, index));
    await log.addEntries(many, 0n);
    expect(await opened.refresh()).toBe(true);
    expect(await contentOf(opened, all)).toEqual(expectedContent(many));
  });

  test('writes held in memory are let go once a newer snapshot has them', async () => {
    const text = (index: number) => `${index}`.repeat(2_000).slice(0, 8_000);
    const many = Array.from({ length: 400 }, (_, index) => cell(index, 0, text(index)));
    const log = await newLog<SheetEntry>(many.slice(0, 1));
    const blobs = await newBlobs();
    const opened = await openSheet({ log, blobs });
    await log.addEntries(many.slice(1), 1n);
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 399n });
    await opened.refresh();
    const { dir, reads } = watchBlobs(blobs);
    expect(await opened.getCell(3, 0)).toEqual({ value: text(3) });
    expect(await opened.getCell(399, 0)).toEqual({ value: text(399) });
    expect(reads).toEqual([]);
    await blobs.removeAll();
    await expect(opened.getCell(3, 0), 'it is in a tile now, not in memory').rejects.toThrow('There is no blob');
    void dir;
  });

  test('a range and counts that are being read show one moment, not two', async () => {
    const first = Array.from({ length: 200 }, (_, row) => cell(row, 0, 'first'));
    const second = Array.from({ length: 200 }, (_, row) => cell(row, 1, 'second'));
    const log = await newLog(first);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 199n });
    const reading: (() => void)[] = [];
    const slow = {
      ...blobs,
      async readBlob(name: string) {
        if (name.startsWith('tile-')) {
          await new Promise<void>((resolve) => reading.push(resolve));
        }
        return blobs.readBlob(name);
      },
    };
    const opened = await openSheet({ log, blobs: slow });
    const range = opened.getRange({ row: 0, column: 0, rowCount: 200, columnCount: 2 });
    const counts = opened.counts();
    await log.addEntries(second, 200n);
    await opened.refresh();
    const release = setInterval(() => {
      for (const resolve of reading.splice(0)) resolve();
    }, 1);
    const cellsRead = (await range).flat().filter(({ value }) => value !== null);
    const { cellCount } = await counts;
    expect([200, 400]).toContain(cellsRead.length);
    expect([200, 400]).toContain(cellCount);
    expect((await opened.counts()).cellCount).toBe(400);
    clearInterval(release);
  });
});

describe('a viewport', () => {
  test('reads the tiles under it alone, side by side', async () => {
    const big: SheetEntry[] = Array.from({ length: 500 }, (_, row) => ({
      type: 'SetCellRange',
      row: row * 10,
      column: 0,
      values: Array.from({ length: 10 }, () => Array.from({ length: 100 }, (_, column) => column)),
    }));
    const log = await newLog(big);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 499n });
    let together = 0;
    let most = 0;
    const { dir, reads } = watchBlobs(blobs);
    const watched = {
      ...dir,
      async readBlob(name: string) {
        together += 1;
        most = Math.max(most, together);
        await new Promise((resolve) => setImmediate(resolve));
        together -= 1;
        return dir.readBlob(name);
      },
    };
    const opened = await openSheet({ log, blobs: watched });
    const range = await opened.getRange({ row: 2_530, column: 40, rowCount: 50, columnCount: 26 });
    expect(range[0]?.[0]).toEqual({ value: 40 });
    expect(reads.filter((name) => name.startsWith('tile-')).length).toBeLessThanOrEqual(4);
    expect(reads.filter((name) => name.startsWith('page-')).length).toBeLessThanOrEqual(2);
    expect(most).toBeGreaterThan(2);
  });

  test('that was read before comes from the cache', async () => {
    const log = await newLog(entries);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 399n });
    const { dir, reads } = watchBlobs(blobs);
    const cache = createSnapshotCache();
    const range = { row: 0, column: 0, rowCount: 50, columnCount: 26 };
    const first = await (await openSheet({ log, blobs: dir, cache })).getRange(range);
    const count = reads.length;
    expect(count).toBeGreaterThan(0);
    expect(await (await openSheet({ log, blobs: dir, cache })).getRange(range)).toEqual(first);
    expect(reads).toHaveLength(count);
  });
});

test.each([
  [{ row: -1, column: 0, rowCount: 1, columnCount: 1 }, 'is no range of a sheet'],
  [{ row: 0, column: 0, rowCount: 0, columnCount: 1 }, 'at least one of each'],
  [{ row: 0, column: 2 ** 20 - 1, rowCount: 1, columnCount: 2 }, 'is no range of a sheet'],
  [{ row: 0.5, column: 0, rowCount: 1, columnCount: 1 }, 'use integers'],
  [{ row: 0, column: 0, rowCount: 2_000, columnCount: 1_000 }, 'over the 1000000 of one range'],
])('a range that is none is refused: %j', async (range, reason) => {
  const opened = await openSheet({ log: await newLog<SheetEntry>([]), blobs: await newBlobs() });
  const error = await opened.getRange(range).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(InvalidInputError);
  expect(error.message).toContain(reason);
});
