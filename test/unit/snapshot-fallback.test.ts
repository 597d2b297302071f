/** A snapshot that is corrupt or gone, wholly or in a part: what stands in for it, and who hears of it. */
import { describe, expect, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { BlobNotFoundError, CorruptBlobError } from '../../src/errors.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';
import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { withHistory } from '../../src/history/with-history.ts';
import type { SnapshotFallback } from '../../src/snapshots/find-base.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { compactAt } from './history-fixtures.ts';
import { blobNames, cell, contentOf, expectedContent, newBlobs, newLog, snapshotAt } from './snapshot-fixtures.ts';

const entries: SheetEntry[] = Array.from({ length: 400 }, (_, index) => cell((index * 7) % 300, index % 40, index));
const all = { rows: 300, columns: 40 };

/** Snapshots before 100 and 200. `same` writes nothing but one tile between them, so that they share the others. */
async function twoSnapshots({ same = false } = {}) {
  const written = same ? entries.map((entry, index) => (index < 100 ? entry : cell(index % 20, 0, index))) : entries;
  const log = await newLog(written, 50);
  const blobs = await newBlobs();
  const older = await snapshotAt({ log, blobs, logType: sheet, sequenceId: 100n });
  const olderNames = new Set(await blobNames(blobs));
  const newer = await snapshotAt({ log, blobs, logType: sheet, sequenceId: 200n });
  const newTiles = (await blobNames(blobs, 'tile-')).filter((name) => !olderNames.has(name));
  const expected = await takeSnapshot({ log, blobs: await newBlobs(), logType: sheet, sequenceId: 400n });
  return { log, blobs, written, older, newer, newTiles, expected };
}

async function spoil(blobs: BlobDir, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const bytes = await blobs.readBlob(name);
    await blobs.writeBlob(name, bytes.slice(0, -9));
  }
}

function retake({ log, blobs }: Pick<Awaited<ReturnType<typeof twoSnapshots>>, 'log' | 'blobs'>) {
  const fallbacks: SnapshotFallback[] = [];
  const taken = takeSnapshot({ log, blobs, logType: sheet, sequenceId: 400n, onFallback: (fallback) => void fallbacks.push(fallback) });
  return { taken, fallbacks };
}

describe('taking a snapshot', () => {
  test('goes on from the one before a corrupt one, to the same result, and reports it once', async () => {
    const given = await twoSnapshots();
    await spoil(given.blobs, [given.newer]);
    const { taken, fallbacks } = retake(given);
    expect(await taken).toBe(given.expected);
    expect(fallbacks).toEqual([{ sequenceId: 200n, blobId: given.newer, error: expect.any(CorruptBlobError) }]);
    expect(fallbacks[0]?.error.message).toContain(given.newer);
  });

  test('begins at the first entry where no snapshot can be used', async () => {
    const given = await twoSnapshots();
    await spoil(given.blobs, [given.newer]);
    await given.blobs.removeBlob(given.older);
    const { taken, fallbacks } = retake(given);
    expect(await taken).toBe(given.expected);
    // That an older one is gone is no news: retention removes them.
    expect(fallbacks.map(({ sequenceId, error }) => [sequenceId, error.code])).toEqual([[200n, 'corrupt_blob']]);
  });

  test('does so too where the root is whole and a tile that it needs is not', async () => {
    const given = await twoSnapshots();
    await spoil(given.blobs, given.newTiles);
    const { taken, fallbacks } = retake(given);
    expect(await taken).toBe(given.expected);
    expect(fallbacks.map(({ sequenceId }) => sequenceId)).toEqual([200n]);
    expect(fallbacks[0]?.error.message).toContain('tile-');
  });

  test('a bad tile that both snapshots have is folded anew from the first entry', async () => {
    const given = await twoSnapshots();
    await spoil(given.blobs, await blobNames(given.blobs, 'tile-'));
    const { taken, fallbacks } = retake(given);
    expect(await taken).toBe(given.expected);
    expect(fallbacks.map(({ sequenceId }) => sequenceId)).toEqual([200n, 100n]);
  });

  test('a bad tile that nothing writes to is not looked at', async () => {
    const given = await twoSnapshots({ same: true });
    const untouched = (await blobNames(given.blobs, 'tile-')).filter((name) => !given.newTiles.includes(name));
    await spoil(given.blobs, untouched.slice(-1));
    const { taken, fallbacks } = retake(given);
    await taken;
    expect(fallbacks).toEqual([]);
  });

  test('a manifest to go on from whose tiles are gone is left too', async () => {
    const given = await twoSnapshots();
    const resume = { sequenceId: 300n, blobId: await takeSnapshot({ ...given, logType: sheet, sequenceId: 300n }) };
    for (const name of await blobNames(given.blobs, 'tile-')) await given.blobs.removeBlob(name);
    expect(await takeSnapshot({ ...given, logType: sheet, sequenceId: 400n, resume })).toBe(given.expected);
  });

  test.each(['root', 'tile'])('where the entries before are truncated the error names the blob: %s', async (part) => {
    const given = await twoSnapshots();
    await given.log.truncate(200n);
    await spoil(given.blobs, part === 'root' ? [given.newer] : given.newTiles);
    const { taken, fallbacks } = retake(given);
    await expect(taken).rejects.toThrow(part === 'root' ? given.newer : /Blob 'tile-/);
    expect(fallbacks).toEqual([]);
    if (part === 'root') {
      await given.blobs.removeBlob(given.newer);
      await expect(retake(given).taken).rejects.toThrow(BlobNotFoundError);
    }
  });
});

describe('taking a snapshot of a log whose older entries are archived', () => {
  /** A snapshot before 100, archived, and one before 200, the first entry held. */
  async function archived({ isWhole = true } = {}) {
    const log = createMemoryEventLog<SheetEntry & LogMetadata>({ pageSize: 50 });
    await log.addEntries(entries, 0n);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 100n });
    const older = await blobNames(blobs);
    if (!isWhole) await log.truncate(100n);
    await compactAt({ log, blobs, logType: sheet }, 200n, {});
    const newer = (await log.query('snapshot', 0n, -1n)).lastSnapshot?.blobId as string;
    return { log, blobs, older, newer };
  }

  /** A blob directory from which others remove the given blobs in the moment something is first written. */
  function collected(blobs: BlobDir, names: readonly string[]): BlobDir {
    let removed: Promise<unknown> | undefined;
    return {
      ...blobs,
      async writeBlob(name, content) {
        removed ??= Promise.all(names.map((one) => blobs.removeBlob(one)));
        await removed;
        await blobs.writeBlob(name, content);
      },
    };
  }

  test.each(['is corrupt', 'is none'])(
    'and whose newest %s folds them, and goes on from no archived snapshot: nothing keeps the blobs of that meanwhile',
    async (newest) => {
      const { log, blobs, older, newer } = await archived();
      if (newest === 'is corrupt') await spoil(blobs, [newer]);
      else await log.setMetadata(200n, { snapshot: undefined });
      await snapshotAt({ log: withHistory({ log, blobs }), blobs: collected(blobs, older), logType: sheet, sequenceId: 399n });
      expect(await contentOf(await openSheet({ log, blobs }), all)).toEqual(expectedContent(entries));
    },
  );

  test('goes on from an archived snapshot where the entries before it are gone', async () => {
    const { log, blobs, newer } = await archived({ isWhole: false });
    await spoil(blobs, [newer]);
    await snapshotAt({ log: withHistory({ log, blobs }), blobs, logType: sheet, sequenceId: 399n });
    expect(await contentOf(await openSheet({ log, blobs }), all)).toEqual(expectedContent(entries));
  });
});

test('a sheet opens from what stands in', async () => {
  const { log, blobs, newer, written } = await twoSnapshots();
  await spoil(blobs, [newer]);
  expect(await contentOf(await openSheet({ log, blobs }), all)).toEqual(expectedContent(written));
});
