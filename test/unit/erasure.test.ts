/** What an erasure makes of entries, states and histories, without a database. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eraseHistory } from '../../src/erasure/erase-history.ts';
import { takeErasedSnapshot } from '../../src/erasure/erase-snapshot.ts';
import { historyReferences } from '../../src/history/history-references.ts';
import {
  blobsOfLog,
  type CellRange,
  CorruptBlobError,
  createMemoryBlobStore,
  createMemoryEventLog,
  type SheetEntry,
  sheet,
  takeSnapshot,
} from '../../src/index.ts';
import { createCellEraser } from '../../src/spreadsheet/erase-cells.ts';
import { compactAt, readAll } from './history-fixtures.ts';

const size = { min: 0, max: 70 };
const place = { row: fc.integer(size), column: fc.integer({ min: 0, max: 35 }) };
const value = fc.oneof(
  fc.constant(null),
  fc.integer({ min: 0, max: 9 }),
  fc.string({ maxLength: 3 }).filter((text) => sheetTakes(text)),
);
const format = fc.option(fc.constantFrom('@', '0.00'), { nil: undefined });
const optional = <T extends { format?: string | undefined }>({ format: code, ...rest }: T) =>
  code === undefined ? rest : { ...rest, format: code };

function sheetTakes(text: string): boolean {
  return !/\0|\p{Surrogate}/u.test(text);
}

const range: fc.Arbitrary<CellRange> = fc.record({
  ...place,
  rowCount: fc.integer({ min: 1, max: 9 }),
  columnCount: fc.integer({ min: 1, max: 9 }),
});
const entry: fc.Arbitrary<SheetEntry> = fc.oneof(
  fc.record({ type: fc.constant('SetCellValueAndFormat' as const), ...place, value, format }).map((given) => optional(given) as SheetEntry),
  fc
    .record({
      type: fc.constant('SetCellRange' as const),
      ...place,
      values: fc
        .integer({ min: 1, max: 6 })
        .chain((width) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 })),
      format,
    })
    .map((given) => optional(given) as SheetEntry),
  range.map((erased) => ({ type: 'EraseCells' as const, ranges: [erased] })),
);

const eraser = (ranges: readonly CellRange[]) => createCellEraser(ranges);
const erasedEntry = (ranges: readonly CellRange[], given: SheetEntry): SheetEntry => {
  const fields = eraser(ranges).eraseEntry(given);
  return fields ? ({ ...fields, type: given.type } as unknown as SheetEntry) : given;
};

async function logOf(entries: readonly SheetEntry[]) {
  const log = createMemoryEventLog<SheetEntry>();
  if (entries.length > 0) await log.addEntries(entries, 0n);
  return { log, blobs: await blobsOfLog(createMemoryBlobStore(), 'a'), logType: sheet };
}

test('the snapshot of erased entries is the erased snapshot, wherever the fold begins, and erasing again changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { minLength: 1, maxLength: 12 }),
      fc.array(range, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      async (entries, ranges, at) => {
        const last = { type: 'SetCellValueAndFormat' as const, row: 0, column: 0, value: 1 };
        const sequenceId = BigInt(entries.length);
        const expected = await takeSnapshot({
          ...(await logOf([...entries.map((given) => erasedEntry(ranges, given)), last])),
          sequenceId,
        });
        const source = await logOf([...entries, last]);
        const base = BigInt(at % (entries.length + 1));
        await source.log.setMetadata(base, { snapshot: await takeSnapshot({ ...source, sequenceId: base }) });
        const erased = await takeErasedSnapshot({ ...source, sequenceId, eraser: eraser(ranges), chunkEntries: 3 });
        expect(erased).toBe(expected);
        await source.log.setMetadata(sequenceId, { snapshot: erased });
        expect(await takeErasedSnapshot({ ...source, sequenceId, eraser: eraser(ranges) })).toBe(erased);
        for (const given of entries) expect(eraser(ranges).eraseEntry(erasedEntry(ranges, given))).toBeUndefined();
      },
    ),
    { numRuns: 60 },
  );
});

describe('a history of several roots', () => {
  const cells = (from: number, to: number): SheetEntry[] =>
    Array.from({ length: to - from }, (_, index) => ({
      type: 'SetCellValueAndFormat',
      row: from + index,
      column: 0,
      value: `v${from + index}`,
    }));
  const one = (row: number): CellRange[] => [{ row, column: 0, rowCount: 1, columnCount: 1 }];

  async function compacted() {
    const source = await logOf(cells(0, 60));
    for (const at of [20n, 40n, 59n]) await compactAt(source, at, { segmentEntries: 4, rootSegments: 2 });
    const newest = await source.log.lastHistory();
    if (newest === undefined) throw new Error('nothing was archived');
    return { ...source, newest };
  }

  test.each([0, 3, 21, 57])('without the value of entry %i: one segment is another, all entries but this one are the same', async (row) => {
    const { log, blobs, newest } = await compacted();
    const before = await namesOf(blobs, newest.blobId);
    const progress: number[] = [];
    const value = await eraseHistory({
      blobs,
      newest,
      before: 60n,
      eraser: eraser(one(row)),
      onProgress: async (entries, total) => void progress.push(entries / total),
    });
    expect(value).toMatchObject({ segments: 1, entries: 1 });
    expect(progress.at(-1)).toBe(1);
    const after = await namesOf(blobs, value.history);
    const segments = (names: Set<string>) => [...names].filter((name) => name.startsWith('segment-'));
    expect(segments(after).filter((name) => !before.has(name))).toHaveLength(1);
    expect(segments(after)).toHaveLength(segments(before).length);
    await log.setMetadata(newest.sequenceId, { history: value.history });
    expect(await readAll(log, blobs)).toEqual(
      cells(0, 60).map((given, index) => (index === row ? { ...given, value: '[erased]' } : given)),
    );
    // Again: the same.
    expect(await eraseHistory({ blobs, newest: { ...newest, blobId: value.history }, before: 60n, eraser: eraser(one(row)) })).toEqual({
      history: value.history,
      segments: 0,
      entries: 0,
    });
  });

  test('keeps what was written after the erasure', async () => {
    const { log, blobs, newest } = await compacted();
    const { history } = await eraseHistory({
      blobs,
      newest,
      before: 21n,
      eraser: eraser([{ row: 20, column: 0, rowCount: 3, columnCount: 1 }]),
    });
    await log.setMetadata(newest.sequenceId, { history });
    const read = (await readAll(log, blobs)) as unknown as { value: string }[];
    expect(read.slice(19, 24).map((given) => given.value)).toEqual(['v19', '[erased]', 'v21', 'v22', 'v23']);
  });

  test('with a part that is corrupt is a named error, and nothing was replaced', async () => {
    const { blobs, newest } = await compacted();
    const [name = ''] = [...(await namesOf(blobs, newest.blobId))].filter((found) => found.startsWith('segment-8-'));
    await blobs.writeBlob(name, new Uint8Array([1, 2, 3]));
    await expect(eraseHistory({ blobs, newest, before: 60n, eraser: eraser(one(3)) })).rejects.toThrow(CorruptBlobError);
  });
});

async function namesOf(blobs: Parameters<typeof historyReferences>[0], root: string): Promise<Set<string>> {
  const names = new Set([root]);
  for await (const name of historyReferences(blobs, root)) names.add(name);
  return names;
}
