/** Which tiles a snapshot rewrote, in answers of a bounded size, whatever the sheet. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { type TileRef, tileRef } from '../../src/spreadsheet/manifest.ts';
import { createBase, writeRoot } from '../../src/spreadsheet/sheet-root.ts';
import { readSnapshotTiles, type SnapshotTilesLimits } from '../../src/spreadsheet/snapshot-tiles.ts';
import { changeTiles, type TileLists, writeLists } from '../../src/spreadsheet/tile-lists.ts';

const full = { cells: 2_048, rows: 64, columns: 32 };
const refAt = (row: number, column: number, version = 0) =>
  tileRef(row, column, createHash('sha256').update(`${row} ${column} ${version}`).digest('hex'), 1_000, full);

async function twoSnapshots(first: TileRef[], changes: (TileRef | { row: number; column: number })[]) {
  const blobs = await createMemoryBlobStore().getRootDir();
  const write = async (lists: TileLists, changed: typeof changes, sequenceId: bigint) => {
    const refs = changed.map((ref) => ({ row: ref.row, column: ref.column, ref: 'hash' in ref ? ref : undefined }));
    const next = await writeLists(await changeTiles(lists, refs, { blobs }), { blobs });
    return { lists: next, id: await writeRoot(blobs, 'sheet', sequenceId, createBase(next, []), { typeVersion: 1 }) };
  };
  const one = await write({ tiles: new Map() }, first, 1n);
  const two = await write(one.lists, changes, 2n);
  return (limits?: SnapshotTilesLimits) => readSnapshotTiles(two.id, one.id, { blobs }, limits);
}

const rewrittenIn = ({ blocks }: { blocks: readonly { row: number; column: number; isRewritten: boolean }[] }) =>
  blocks.filter(({ isRewritten }) => isRewritten).map(({ row, column }) => [row, column]);

const dense = Array.from({ length: 600 }, (_, index) => refAt(Math.floor(index / 3), index % 3));

describe('through pages', () => {
  test('tiles that were changed, added or are the same again are told apart', async () => {
    const read = await twoSnapshots(dense, [refAt(0, 0, 1), refAt(64, 2, 1), refAt(199, 1), { row: 5, column: 1 }, refAt(300, 0)]);
    const value = await read();
    expect(value).toMatchObject({ tiles: 600, cells: 600 * 2_048, bytes: 600_000, blockRows: 64, blockColumns: 32 });
    expect(value.blocks).toHaveLength(600);
    expect(rewrittenIn(value)).toEqual([
      [0, 0],
      [64 * 64, 2 * 32],
      [300 * 64, 0],
    ]);
  });

  test('a sheet that has become so large, and one that has become small, are compared tile by tile', async () => {
    expect(rewrittenIn(await (await twoSnapshots(dense.slice(0, 200), dense))())).toHaveLength(400);
    const gone = dense.slice(100).map(({ row, column }) => ({ row, column }));
    expect(rewrittenIn(await (await twoSnapshots(dense, [...gone, refAt(0, 1, 1)]))())).toEqual([[0, 32]]);
  });
});

test('more tiles than an answer holds are shown as blocks, which hold all of them and say where something was rewritten', async () => {
  const sparse = Array.from({ length: 400 }, (_, index) => refAt(64 * Math.floor(index / 20), 2 * (index % 20)));
  const changed = refAt(64 * 7, 2 * 13, 1);
  const read = await twoSnapshots(sparse, [changed]);
  for (const [limits, count, blockRows, blockColumns] of [
    [undefined, 400, 4_096, 64],
    [{ maxBlocks: 100, maxPages: 10 }, 100, 8_192, 128],
    [{ maxBlocks: 99, maxPages: 10 }, 25, 16_384, 256],
  ] as const) {
    const value = await read(limits);
    expect(value).toMatchObject({ tiles: 400, cells: 400 * 2_048, blockRows, blockColumns });
    expect(value.bytes).toBeUndefined();
    expect(value.blocks).toHaveLength(count);
    const holding = ({ row, column }: { row: number; column: number }) =>
      value.blocks.filter(
        (block) =>
          row * 64 >= block.row &&
          row * 64 + 64 <= block.row + block.rowCount &&
          column * 32 >= block.column &&
          column * 32 + 32 <= block.column + block.columnCount,
      );
    for (const tile of sparse) expect(holding(tile)).toHaveLength(1);
    expect(value.blocks.filter(({ isRewritten }) => isRewritten)).toEqual(holding(changed));
  }
});
