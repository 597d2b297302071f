import { createHash } from 'node:crypto';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { BlobNotFoundError, CorruptBlobError } from '../../src/errors.ts';
import type { SnapshotValue } from '../../src/event-log/event-log.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { CellValue } from '../../src/spreadsheet/cell.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { gatherTile, measureTile, spreadTile, TILE_CELLS, TILE_COLUMNS, TILE_ROWS } from '../../src/spreadsheet/tile.ts';
import {
  anyValue,
  blobNames,
  cell,
  contentOf,
  expectedContent,
  modelOf,
  newBlobs,
  newLog,
  openAt,
  snapshotAt,
  watchBlobs,
} from './snapshot-fixtures.ts';

/** A blob as a browser reads it. */
async function decode(blobs: BlobDir, name: string) {
  const stream = new Blob([(await blobs.readBlob(name)) as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'));
  const text = await new Response(stream).text();
  return { text, json: JSON.parse(text) };
}

/** The cells of a snapshot as its format says, read without product code. */
async function decodeSnapshot(blobs: BlobDir, root: string) {
  const { json } = await decode(blobs, root);
  const lists = json.pages
    ? await Promise.all(json.pages.hash.map(async (hash: string) => (await decode(blobs, `page-${hash}.gz`)).json.tiles))
    : [json.tiles];
  const cells = new Map<string, { value: CellValue; format?: string }>();
  for (const { row, column, hash } of lists) {
    for (const [index, name] of hash.entries()) {
      const { text, json: tile } = await decode(blobs, `tile-${name}.gz`);
      expect(createHash('sha256').update(text).digest('hex')).toBe(name);
      const formats = (tile.formatRuns ?? []).flatMap((code: number, at: number, runs: number[]) =>
        at % 2 === 0 ? Array(runs[at + 1]).fill(tile.formats[code]) : [],
      );
      let next = 0;
      for (let run = 0; run < tile.runs.length; run += 2) {
        for (let position = tile.runs[run]; position < tile.runs[run] + tile.runs[run + 1]; position += 1) {
          const place = `${row[index] * json.tileRows + (position % json.tileRows)},${column[index] * json.tileColumns + Math.floor(position / json.tileRows)}`;
          cells.set(place, { value: tile.values[next], ...(formats[next] === undefined ? {} : { format: formats[next] }) });
          next += 1;
        }
      }
    }
  }
  return { json, cells };
}

describe('the format', () => {
  const entries: SheetEntry[] = [
    {
      type: 'SetCellRange',
      row: 120,
      column: 10,
      values: [
        [1, 'two', true, null, { type: 'CellError', value: '#N/A' }, 0.1, -5],
        [2, 'Grüße 😀', false, '', 'x', 1e300, 7],
      ],
      format: '0.00',
    },
    cell(121, 11, 'no format any more'),
    cell(0, 0, 'corner', '@'),
    cell(5_000, 700, 3),
  ];

  test('is read by a browser: gunzip and JSON.parse, hashes of the text', async () => {
    const blobs = await newBlobs();
    const root = await takeSnapshot({ log: await newLog(entries), blobs, logType: sheet, sequenceId: 4n });
    const { json, cells } = await decodeSnapshot(blobs, root);
    expect(cells).toEqual(modelOf(entries));
    expect(json).toMatchObject({
      format: 'tidemark-sheet',
      formatVersion: 1,
      logType: 'sheet',
      typeVersion: 1,
      sequenceId: '4',
      cells: cells.size,
      rows: 5_001,
      columns: 701,
      tileRows: TILE_ROWS,
      tileColumns: TILE_COLUMNS,
    });
    expect(root).toBe(
      `sheet-v1-4-${createHash('sha256')
        .update((await decode(blobs, root)).text)
        .digest('hex')}.gz`,
    );
  });

  test('is the same through pages, which come and go with the number of tiles', async () => {
    const many = Array.from({ length: 700 }, (_, index) =>
      cell((index % 70) * TILE_ROWS * 3, Math.floor(index / 70) * TILE_COLUMNS, `v${index}`),
    );
    const emptied = many.slice(0, 690).map((entry) => ({ ...entry, value: null }) as SheetEntry);
    const all = [...many, ...emptied];
    const log = await newLog(all);
    const blobs = await newBlobs();
    for (const [at, isPaged] of [
      [200, false],
      [700, true],
      [701, true],
      [1_000, true],
      [1_389, false],
    ] as const) {
      const root = await snapshotAt({ log, blobs, logType: sheet, sequenceId: BigInt(at) });
      const { json, cells } = await decodeSnapshot(blobs, root);
      expect(cells).toEqual(modelOf(all.slice(0, at)));
      expect(json.pages !== undefined).toBe(isPaged);
      const { cellCount, rowCount, columnCount } = expectedContent(all.slice(0, at + 20)).counts;
      expect(await (await openAt(log, blobs, BigInt(Math.min(at + 20, all.length)))).counts()).toEqual({
        cellCount,
        rowCount,
        columnCount,
      });
      const fresh = await newBlobs();
      expect(await takeSnapshot({ log: await newLog(all), blobs: fresh, logType: sheet, sequenceId: BigInt(at) })).toBe(root);
    }
  });
});

describe('what a snapshot costs', () => {
  test('two cells in far corners cost two tiles', async () => {
    const entries = [cell(0, 0, 'first'), cell(2 ** 30 - 1, 2 ** 20 - 1, 'last')];
    const log = await newLog(entries);
    const { dir, writes } = watchBlobs(await newBlobs());
    await snapshotAt({ log: await newLog([...entries, cell(1, 1, 1)]), blobs: dir, logType: sheet, sequenceId: 2n });
    expect(writes.map(({ name }) => name.split('-')[0]).sort()).toEqual(['sheet', 'tile', 'tile']);
    const opened = await openAt(log, dir);
    expect(await opened.getCell(2 ** 30 - 1, 2 ** 20 - 1)).toEqual({ value: 'last' });
    expect(await opened.counts()).toEqual({ rowCount: 2 ** 30, columnCount: 2 ** 20, cellCount: 2 });
  });

  test('tiles that nothing wrote to are neither read nor written', async () => {
    const entries = Array.from({ length: 100 }, (_, index) => cell(index * TILE_ROWS, 0, index));
    const log = await newLog([...entries, cell(TILE_ROWS * 50, 1, 'new'), cell(0, 0, 0)]);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 100n });
    const { dir, reads, writes } = watchBlobs(blobs);
    await takeSnapshot({ log, blobs: dir, logType: sheet, sequenceId: 101n });
    expect(reads.map((name) => name.split('-')[0])).toEqual(['sheet', 'tile']);
    expect(writes.map(({ name }) => name.split('-')[0])).toEqual(['tile', 'sheet']);
  });

  test('a write that changes nothing writes no tile, an emptied tile is listed no more, equal tiles are one blob', async () => {
    const same = Array.from({ length: 8 }, (_, index) => cell(index * TILE_ROWS, 0, 'same'));
    const log = await newLog([...same, cell(0, 0, 'same'), cell(TILE_ROWS, 0, null), cell(9, 9, 9)]);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 8n });
    expect(await blobNames(blobs, 'tile-')).toHaveLength(1);
    const { dir, writes } = watchBlobs(blobs);
    const root = await takeSnapshot({ log, blobs: dir, logType: sheet, sequenceId: 10n });
    expect(writes.map(({ name }) => name)).toEqual([root]);
    expect((await decode(blobs, root)).json.tiles.row).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  test('one more cell on 200,000 writes at most 50 KB, of numbers with 17 digits too', async () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const rows = Array.from({ length: 200 }, () => Array.from({ length: 1_000 }, random));
    const entries = rows.map((values, row): SheetEntry => ({ type: 'SetCellRange', row, column: 0, values: [values] }));
    const log = await newLog([...entries, cell(77, 77, random()), cell(0, 0, 0)]);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 200n });
    const { dir, writes } = watchBlobs(blobs);
    await takeSnapshot({ log, blobs: dir, logType: sheet, sequenceId: 201n });
    expect(writes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(50_000);
    expect(writes).toHaveLength(2);
  });
});

describe('a blob that is not what it should be is named', () => {
  async function damaged(prefix: string, damage: (bytes: Uint8Array) => Uint8Array | undefined) {
    const entries = Array.from({ length: 400 }, (_, index) => cell((index % 20) * TILE_ROWS, Math.floor(index / 20) * TILE_COLUMNS, index));
    const log = await newLog([...entries, ...entries]);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 400n });
    await log.truncate(400n); // nothing can stand in
    const [name = ''] = await blobNames(blobs, prefix);
    const bytes = damage(await blobs.readBlob(name));
    await (bytes ? blobs.writeBlob(name, bytes) : blobs.removeBlob(name));
    const attempts = [
      takeSnapshot({ log, blobs, logType: sheet, sequenceId: 800n }),
      openAt(log, blobs, 400n).then((opened) =>
        opened.getRange({ row: 0, column: 0, rowCount: 20 * TILE_ROWS, columnCount: 20 * TILE_COLUMNS }),
      ),
    ];
    return { name, errors: (await Promise.allSettled(attempts)).map((result) => result.status === 'rejected' && result.reason) };
  }

  test.each(['sheet-', 'page-', 'tile-'])('%s', async (prefix) => {
    const ways: [string, (bytes: Uint8Array) => Uint8Array][] = [
      ['cut short', (bytes) => bytes.slice(0, -5)],
      ['one bit', (bytes) => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte))],
      ['nothing in it', () => new Uint8Array()],
    ];
    for (const [what, damage] of ways) {
      const { name, errors } = await damaged(prefix, damage);
      for (const error of errors) {
        expect(error, what).toBeInstanceOf(CorruptBlobError);
        expect((error as Error).message).toContain(name);
      }
    }
    const { name, errors } = await damaged(prefix, () => undefined);
    for (const error of errors) {
      expect(error).toBeInstanceOf(BlobNotFoundError);
      expect((error as Error).message).toContain(name);
    }
  });
});

describe('a tile', () => {
  const anyCells = fc.array(fc.tuple(fc.nat(TILE_CELLS - 1), anyValue, fc.constantFrom(undefined, '0.00', '@')), { maxLength: 200 });

  test('comes back as it was spread out, and has one form for equal cells', () => {
    fc.assert(
      fc.property(anyCells, (cells) => {
        const spread = spreadTile(undefined);
        spread.formats = new Array(TILE_CELLS).fill(undefined);
        for (const [position, value, format] of cells) {
          spread.values[position] = value ?? undefined;
          spread.formats[position] = value === null ? undefined : format;
        }
        const tile = gatherTile(spread);
        const again = spreadTile(tile);
        expect(again.values).toEqual(spread.values);
        expect(again.formats ?? new Array(TILE_CELLS).fill(undefined)).toEqual(spread.formats);
        expect(gatherTile(again)).toEqual(tile);
        const taken = [...spread.values.keys()].filter((position) => spread.values[position] !== undefined);
        expect(measureTile(tile)).toEqual({
          cells: taken.length,
          rows: Math.max(0, ...taken.map((position) => (position % TILE_ROWS) + 1)),
          columns: Math.max(0, ...taken.map((position) => Math.floor(position / TILE_ROWS) + 1)),
        });
      }),
    );
  });
});

describe('an entry that went past the edge fails the fold and is named', () => {
  test.each([
    [{ type: 'SetCellValueAndFormat', row: -1, column: 0, value: 1 }, 'cell (-1, 0) is outside a sheet'],
    [{ type: 'SetCellValueAndFormat', row: 0, column: 2 ** 20, value: 1 }, `cell (0, ${2 ** 20}) is outside a sheet`],
    [{ type: 'SetCellValueAndFormat', row: 0.5, column: 0, value: 1 }, 'cell (0.5, 0) is outside a sheet'],
    [{ type: 'SetCellValueAndFormat', row: 0, column: 0 }, 'cell (0, 0): undefined is no cell value'],
    [{ type: 'SetCellValueAndFormat', row: 0, column: 0, value: { type: 'CellError', value: '#OOPS!' } }, 'is no cell value'],
    [{ type: 'SetCellValueAndFormat', row: 0, column: 0, value: [1] }, 'cell (0, 0): [1] is no cell value'],
    [{ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1, format: 7 }, 'format 7 is not text'],
    [{ type: 'SetCellRange', row: 2 ** 30 - 1, column: 0, values: [[1], [2]] }, 'is outside a sheet'],
    [{ type: 'Rename', name: 'x' }, 'type "Rename" is no entry of a sheet'],
  ])('%j', async (entry, reason) => {
    const log = await newLog([cell(0, 0, 1), entry as SheetEntry, cell(0, 0, 2)]);
    const error = await takeSnapshot({ log, blobs: await newBlobs(), logType: sheet, sequenceId: 2n }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'fold_failed', retryable: false });
    expect(error.message).toContain("Log type 'sheet' cannot apply entry 1: ");
    expect(error.message).toContain(reason);
  });
});

test('on a disk: through a kill between two chunks, another process goes on, and a damaged file is named', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-sheet-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const openDisk = async () => (await createDirectoryBlobStore({ path }).getRootDir()).getDir('log');
  const entries = Array.from({ length: 500 }, (_, index) => cell((index * 31) % 900, (index * 7) % 40, index));
  const log = await newLog(entries, 50);
  let resume: SnapshotValue | undefined;
  const killed = takeSnapshot({
    log,
    blobs: await openDisk(),
    logType: sheet,
    sequenceId: 450n,
    chunkEntries: 200,
    onProgress: (progress) => {
      resume = progress.resume;
      throw new Error('killed');
    },
  });
  await expect(killed).rejects.toThrow('killed');
  const { dir, reads } = watchBlobs(await openDisk());
  const root = await snapshotAt({ log, blobs: dir, logType: sheet, sequenceId: 450n, resume });
  expect(reads[0]).toBe(resume?.blobId);
  expect(root).toBe(await takeSnapshot({ log: await newLog(entries), blobs: await newBlobs(), logType: sheet, sequenceId: 450n }));
  await log.truncate(450n);
  expect(await contentOf(await openAt(log, await openDisk()), { rows: 900, columns: 40 })).toEqual(expectedContent(entries));

  const { json } = await decode(await openDisk(), root);
  const tile = `tile-${json.tiles.hash[0]}.gz`;
  await truncate(join(path, 'log', tile), 30);
  await expect((await openAt(log, await openDisk())).getCell(0, 0)).rejects.toThrow(
    `Blob '${tile}' cannot be used: it is not a whole gzip file.`,
  );
});

test('a sheet remembers the hundred imports that wrote to it last', async () => {
  const imported = (name: string, row: number): SheetEntry => ({
    type: 'SetCellRange',
    row,
    column: 0,
    values: [[row]],
    source: { name, rows: row + 1, sha256: 'a'.repeat(64) },
  });
  const entries = [...Array.from({ length: 110 }, (_, row) => imported(`file-${row}`, row)), imported('file-50', 200)];
  const log = await newLog(entries, 7);
  const blobs = await newBlobs();
  await snapshotAt({ log, blobs, logType: sheet, sequenceId: 60n });
  const { json } = await decodeSnapshot(blobs, await takeSnapshot({ log, blobs, logType: sheet, sequenceId: 111n }));
  const names = json.imports.map(({ name }: { name: string }) => name);
  expect(names).toHaveLength(100);
  expect([names[0], names[39], names[40], names.at(-1)]).toEqual(['file-10', 'file-49', 'file-51', 'file-50']);
});

test('negative zero, which JSON does not have, is zero before a snapshot as after it', async () => {
  const state = sheet.apply(sheet.initial(), cell(0, 0, -0), 0n);
  const blobs = await newBlobs();
  const [written] = [...state.overlay.tiles.values()].map(({ values }) => values[0]);
  expect(Object.is(written, 0)).toBe(true);
  const again = await sheet.snapshots.read(blobs, await sheet.snapshots.write(blobs, 1n, state, { typeVersion: 1 }), { typeVersion: 1 });
  expect(again?.base.totals.cells).toBe(1);
});

test('an empty sheet has a snapshot, and one that was emptied has none of its tiles', async () => {
  const entries = [cell(3, 3, 'gone'), cell(3, 3, null), cell(0, 0, null)];
  const log = await newLog(entries);
  const blobs = await newBlobs();
  const empty = await takeSnapshot({ log, blobs, logType: sheet, sequenceId: 0n });
  expect((await decodeSnapshot(blobs, empty)).cells.size).toBe(0);
  await snapshotAt({ log, blobs, logType: sheet, sequenceId: 1n });
  await snapshotAt({ log, blobs, logType: sheet, sequenceId: 2n });
  await log.truncate(2n);
  expect(await contentOf(await openAt(log, blobs), { rows: 5, columns: 5 })).toEqual(expectedContent(entries));
});
