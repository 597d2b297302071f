/** Garbage collection of a log that is compacted: what was archived stays readable, and archived snapshots are kept as those of the log are. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { withHistory } from '../../src/history/with-history.ts';
import { createRegistry, unitHandlers } from '../../src/registry.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import { findHandlers, type UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type CollectedSheet, collectedSheet } from '../support/garbage.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let log: CollectedSheet;
let store: BlobStore;
const roots: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
});
afterAll(() => database.drop());

/** Five snapshots, archived by a compaction with one of its own, and one more snapshot. */
beforeEach(async () => {
  await work.clear();
  await work.register('snapshot', 'compact');
  store = createMemoryBlobStore();
  log = await collectedSheet(database, store, 'l');
  roots.length = 0;
  for (const value of ['one', 'two', 'three', 'four', 'five']) roots.push(await log.snapshot(0, value));
  await compact('l', 'six');
  await log.snapshot(0, 'seven');
});

async function compact(id: string, value: string): Promise<void> {
  const unit = await work.begin(`compact/${id}/${await log.set(0, value, { pending: 'compact' })}`);
  const { pool } = database;
  const handler = findHandlers(unitHandlers(createRegistry({ logTypes: [sheet] }), { pool, schema: 'tidemark', blobs: store }))(
    unit.id,
  ) as UnitHandler;
  const signal = new AbortController().signal;
  expect(await runUnit(unit, handler, { pool, schema: 'tidemark', signal, deadlineMs: 10_000 })).toEqual({ type: 'finished' });
}

const valueAt = async (at: bigint) => {
  const { log: events, blobs } = log;
  return (await (await openSheet({ log: withHistory({ log: events, blobs }), blobs, at })).getCell(0, 0)).value;
};

test('what was archived is all there, and nothing of it is missing', async () => {
  expect(await log.collect()).toMatchObject({ missing: [], problems: [], removed: expect.any(Number) });
  const names = await log.names();
  expect(names.filter((name) => /^(history|segment)/.test(name)).length).toBeGreaterThanOrEqual(2);
  for (const root of roots) expect(names).not.toContain(root);
  expect([await valueAt(1n), await valueAt(3n), await valueAt(9n), await valueAt(11n)]).toEqual(['one', 'two', 'five', 'six']);
  expect(await log.collect({ dryRun: true })).toMatchObject({ missing: [], problems: [], waiting: 0, removed: 0 });
});

test('archived snapshots are kept as those of the log are, and are not missed where they are gone', async () => {
  // Of the newest four, two are the log's own.
  const retention = { keepSnapshots: 4, keepDays: 0 };
  expect(await log.collect({ retention })).toMatchObject({ missing: [], problems: [] });
  const names = await log.names();
  expect(roots.map((root) => names.includes(root))).toEqual([false, false, false, true, true]);
  await log.blobs.removeBlob(roots[4] as string);
  expect(await log.collect({ retention })).toMatchObject({ missing: [], problems: [] });
  expect(await valueAt(9n)).toBe('five');
});

test('of a log that was truncated before it was compacted, the oldest snapshot stays: what is between it and the next can be read', async () => {
  store = createMemoryBlobStore();
  log = await collectedSheet(database, store, 'truncated');
  for (const value of ['one', 'two', 'three', 'four']) await log.snapshot(0, value);
  await log.log.truncate(2n);
  await compact('truncated', 'five');
  await log.snapshot(0, 'six');
  expect(await log.collect({ retention: { keepSnapshots: 1, keepDays: 0 } })).toMatchObject({ missing: [], problems: [] });
  expect([await valueAt(4n), await valueAt(7n)]).toEqual(['two', 'four']);
});
