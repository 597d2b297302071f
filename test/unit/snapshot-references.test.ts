/** What a snapshot says that it refers to is what it takes to read it, and no more. */
import { describe, expect, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { CorruptBlobError } from '../../src/errors.ts';
import type { AnyLogType } from '../../src/event-log/log-type.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { bankAccount, bankEntryFor } from '../support/bank-account.ts';
import { blobNames, cell, contentOf, newBlobs, newLog, openAt, snapshotAt } from './snapshot-fixtures.ts';

async function referencesOf(logType: AnyLogType, blobs: BlobDir, blobId: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of logType.snapshots.references?.(blobs, blobId, { cache: createSnapshotCache() }) ?? []) names.push(name);
  return names;
}

/** One cell in each of so many tiles, one below the other. */
const tall = (tiles: number): SheetEntry[] => Array.from({ length: tiles }, (_, tile) => cell(tile * 128, 0, tile));

describe('a sheet', () => {
  test.each([
    ['whose root lists its tiles', 20],
    ['with pages of tiles', 300],
  ])('%s: is opened from its root and its references alone', async (_, tiles) => {
    const entries = [...tall(tiles), cell(0, 0, 'later'), cell(0, 0, 'end')];
    const [log, blobs] = [await newLog(entries), await newBlobs()];
    const first = await snapshotAt({ log, blobs, logType: sheet, sequenceId: BigInt(tiles) });
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: BigInt(tiles + 1) });
    const references = await referencesOf(sheet, blobs, first);
    expect(references.filter((name) => name.startsWith('tile-'))).toHaveLength(tiles);
    expect(references.some((name) => name.startsWith('page-'))).toBe(tiles > 256);

    for (const name of await blobNames(blobs)) {
      if (name !== first && !references.includes(name)) await blobs.removeBlob(name);
    }
    // Another tile and another root; with pages, another page.
    expect(await blobNames(blobs)).toHaveLength(references.length + 1);
    const { counts } = await contentOf(await openAt(log, blobs, BigInt(tiles)), { rows: tiles * 128, columns: 1 });
    expect(counts.cellCount).toBe(tiles);
  });

  test('of another type version refers to its tiles all the same', async () => {
    const [log, blobs] = [await newLog([...tall(3), cell(0, 0, 1)]), await newBlobs()];
    const root = await snapshotAt({ log, blobs, logType: { ...sheet, version: 7 }, sequenceId: 3n });
    expect(await sheet.snapshots.read(blobs, root, { typeVersion: sheet.version })).toBeUndefined();
    expect(await referencesOf(sheet, blobs, root)).toHaveLength(3);
  });
});

test('a state that is kept as JSON refers to nothing', async () => {
  const [log, blobs] = [await newLog([0, 1, 2].map(bankEntryFor)), await newBlobs()];
  const root = await snapshotAt({ log, blobs, logType: bankAccount, sequenceId: 2n });
  expect(await blobNames(blobs)).toEqual([root]);
  expect(await referencesOf(bankAccount, blobs, root)).toEqual([]);
});

test('a snapshot of another kind is refused: nobody knows what it refers to', async () => {
  const [log, blobs] = [await newLog([0, 1, 2].map(bankEntryFor)), await newBlobs()];
  const root = await snapshotAt({ log, blobs, logType: bankAccount, sequenceId: 2n });
  await expect(referencesOf(sheet, blobs, root)).rejects.toThrow(CorruptBlobError);
  await expect(referencesOf(bankAccount, blobs, 'my-own-snapshot')).rejects.toThrow(CorruptBlobError);
});
