import { describe, expect, test } from 'vitest';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import { readState } from '../../src/snapshots/read-state.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { applyBankEntry, bankAccount, bankEntryFor } from '../support/bank-account.ts';
import { cell, contentOf, expectedContent, newBlobs, newLog, snapshotAt, watchBlobs } from './snapshot-fixtures.ts';

describe('the cache', () => {
  test('never holds more bytes than it may; the least recently used go first', () => {
    const cache = createSnapshotCache({ maxBytes: 100 });
    cache.set('a', 1, 40);
    cache.set('b', 2, 40);
    expect(cache.get('a')).toBe(1);
    cache.set('c', 3, 40);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
    expect(cache.bytes).toBe(80);
    cache.set('a', 4, 10);
    expect([cache.get('a'), cache.bytes]).toEqual([4, 50]);
    cache.set('huge', 5, 101);
    expect([cache.get('huge'), cache.bytes]).toEqual([undefined, 50]);
    cache.set('a', 6, 101);
    expect([cache.get('a'), cache.bytes]).toEqual([undefined, 40]);
    cache.clear();
    expect([cache.get('c'), cache.bytes]).toEqual([undefined, 0]);
  });

  test('of no bytes keeps nothing, and everything works', async () => {
    const entries = Array.from({ length: 60 }, (_, index) => cell(index, 0, index));
    const log = await newLog(entries);
    const blobs = await newBlobs();
    const cache = createSnapshotCache({ maxBytes: 0 });
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 30n, cache });
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 50n, cache });
    expect(cache.bytes).toBe(0);
    expect(await contentOf(await openSheet({ log, blobs, cache }), { rows: 60, columns: 1 })).toEqual(expectedContent(entries));
  });
});

describe('a stale entry never changes a result', () => {
  test('two lives of one log id share a cache: the second sees nothing of the first', async () => {
    const cache = createSnapshotCache();
    const first = Array.from({ length: 40 }, (_, index) => cell(index, 0, `first ${index}`));
    const second = Array.from({ length: 40 }, (_, index) => cell(index, 0, `second ${index}`));
    for (const entries of [first, second, first]) {
      const log = await newLog(entries);
      const blobs = await newBlobs();
      await snapshotAt({ log, blobs, logType: sheet, sequenceId: 20n, cache });
      const root = await snapshotAt({ log, blobs, logType: sheet, sequenceId: 39n, cache });
      expect(root).toBe(await takeSnapshot({ log: await newLog(entries), blobs: await newBlobs(), logType: sheet, sequenceId: 39n }));
      for (const opened of [await openSheet({ log, blobs, cache }), await openSheet({ log, blobs })]) {
        expect(await contentOf(opened, { rows: 40, columns: 1 })).toEqual(expectedContent(entries));
      }
    }
  });

  test('what a fold or a reader does to its own state does not reach the cache', async () => {
    const cache = createSnapshotCache();
    const entries = Array.from({ length: 50 }, (_, index) => bankEntryFor(index));
    const log = await newLog(entries);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: bankAccount, sequenceId: 40n, cache });
    const { state } = await readState({ log, blobs, logType: bankAccount, at: 40n, cache });
    state.balanceCents = -1;
    expect((await readState({ log, blobs, logType: bankAccount, cache })).state).toEqual(
      entries.reduce(applyBankEntry, bankAccount.initial()),
    );
    const sheetLog = await newLog([cell(0, 0, 1), cell(0, 0, 2), cell(0, 0, 3)]);
    await snapshotAt({ log: sheetLog, blobs, logType: sheet, sequenceId: 1n, cache });
    const later = await openSheet({ log: sheetLog, blobs, at: 2n, cache });
    expect(await later.getCell(0, 0)).toEqual({ value: 2 });
    expect(await (await openSheet({ log: sheetLog, blobs, at: 1n, cache })).getCell(0, 0)).toEqual({ value: 1 });
  });

  test('a worker that was passed by another goes on from the other one’s snapshot', async () => {
    const mine = createSnapshotCache();
    const other = createSnapshotCache();
    const entries = Array.from({ length: 300 }, (_, index) => cell(index % 7, index % 3, index));
    const log = await newLog(entries);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 100n, cache: mine });
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 200n, cache: other });
    const root = await snapshotAt({ log, blobs, logType: sheet, sequenceId: 299n, cache: mine });
    expect(root).toBe(await takeSnapshot({ log: await newLog(entries), blobs: await newBlobs(), logType: sheet, sequenceId: 299n }));
  });

  test('the next snapshot of a log reads no blob at all', async () => {
    const cache = createSnapshotCache();
    const entries = Array.from({ length: 300 }, (_, index) => cell(index, 0, index));
    const log = await newLog(entries);
    const { dir, reads } = watchBlobs(await newBlobs());
    await snapshotAt({ log, blobs: dir, logType: sheet, sequenceId: 200n, cache });
    await snapshotAt({ log, blobs: dir, logType: sheet, sequenceId: 299n, cache });
    expect(reads).toEqual([]);
  });
});
