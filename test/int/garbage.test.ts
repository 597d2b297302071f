/** Which blobs garbage collection marks, removes and leaves, on each blob store that needs no server of its own. */
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { createPostgresBlobStore } from '../../src/blob-store/postgres-blob-store.ts';
import type { AnyLogType } from '../../src/event-log/log-type.ts';
import { type CollectGarbageOptions, collectGarbage, type GarbageProgress } from '../../src/garbage/collect-garbage.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { recordProgress } from '../../src/work/end.ts';
import { bankAccount } from '../support/bank-account.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { collectedSheet, namesIn } from '../support/garbage.ts';
import { createTestDirectory } from '../support/servers.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let directory: Awaited<ReturnType<typeof createTestDirectory>>;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  directory = await createTestDirectory();
});
afterAll(async () => {
  await database.drop();
  await directory.remove();
});
beforeEach(async () => {
  await work.clear();
  await work.register('snapshot');
});

const NOTHING = { snapshots: 0, removed: 0, waiting: 0, missing: [], problems: [], postponed: false };
let stores = 0;
const memory = () => createMemoryBlobStore();
const STORES: [string, () => BlobStore][] = [
  ['in memory', memory],
  // In pages of its own size, so that names come and go between them.
  ['in a directory', () => createDirectoryBlobStore({ path: join(directory.path, String(++stores)), pageSize: 3 })],
  ['in Postgres', () => createPostgresBlobStore({ pool: database.pool, pageSize: 3 })],
];

describe.each(STORES)('blobs %s', (_, newStore) => {
  beforeEach(() => database.ownerPool.query('delete from tidemark.blob'));

  test('that nothing refers to any more go when that has been so for the grace period, and not before', async () => {
    const log = await collectedSheet(database, newStore(), 'l');
    const first = await log.snapshot(0, 'one');
    const before = await log.names();
    const second = await log.snapshot(0, 'two');
    const grace = { graceMs: 24 * 3_600_000 };

    // The first root and its one tile.
    expect(await log.collect(grace)).toMatchObject({ ...NOTHING, snapshots: 1, blobs: 5, waiting: 2 });
    const marked = await log.marks();
    expect(marked).toContain(first);
    expect(await log.collect(grace)).toMatchObject({ ...NOTHING, waiting: 2 });
    await log.age(23.9);
    expect(await log.collect(grace)).toMatchObject({ ...NOTHING, waiting: 2 });
    await log.age(0.2);
    expect(await log.collect(grace)).toMatchObject({ ...NOTHING, blobs: 5, removed: 2 });

    expect(await log.names()).toHaveLength(3);
    expect(await log.names()).toContain(second);
    expect(marked).toEqual(before);
    expect(await log.marks()).toEqual([]);
    expect(await log.valueOf(0)).toBe('two');
    expect(await log.collect(grace)).toMatchObject({ ...NOTHING, blobs: 3 });
  });

  test('stay in a dry run, which says what would go and writes nothing', async () => {
    const log = await collectedSheet(database, newStore(), 'l');
    await log.snapshot(0, 'one');
    await log.snapshot(0, 'two');
    const dry = { dryRun: true, graceMs: 3_600_000 };
    expect(await log.collect(dry)).toMatchObject({ ...NOTHING, snapshots: 1, waiting: 2 });
    expect(await log.marks()).toEqual([]);
    await log.collect({ graceMs: 3_600_000 });
    await log.age(2);
    const names = await log.names();
    expect(await log.collect(dry)).toMatchObject({ ...NOTHING, removed: 2, waiting: 0 });
    expect(await log.names()).toEqual(names);
    expect(await log.marks()).toHaveLength(2);
  });
});

describe('what is referred to', () => {
  test('stays: every snapshot that is kept, with its tiles', async () => {
    const log = await collectedSheet(database, memory(), 'l');
    for (const value of ['one', 'two', 'three', 'four']) await log.snapshot(0, value);
    expect(await log.collect({ retention: { keepSnapshots: 3, keepDays: 0 } })).toMatchObject({ snapshots: 1, missing: [] });
    // As they were before the entry that follows the value.
    expect([await log.valueOf(0, 7n), await log.valueOf(0, 5n), await log.valueOf(0, 3n)]).toEqual(['four', 'three', 'two']);
    const { entries } = await log.log.query('start', 'end');
    expect(entries.map((entry) => entry.snapshot !== undefined)).toEqual([false, false, false, true, false, true, false, true]);
  });

  test('loses its mark when it is referred to again', async () => {
    const log = await collectedSheet(database, memory(), 'l');
    const first = await log.snapshot(0, 'one');
    await log.snapshot(0, 'two');
    await log.collect({ graceMs: 3_600_000 });
    expect(await log.marks()).toEqual([first, expect.stringMatching(/^tile-/)]);
    await log.snapshot(0, 'one'); // the tile of the first one, under a root of its own
    await log.collect({ graceMs: 3_600_000, retention: { keepSnapshots: 2, keepDays: 0 } });
    expect(await log.marks()).toEqual([first]);
    await log.collect();
    expect(await log.valueOf(0)).toBe('one');
  });

  test.each(['started', 'dead'])('stays where it is the progress of a unit that is %s', async (state) => {
    const log = await collectedSheet(database, memory(), 'l');
    const at = await log.set(0, 'one', { pending: 'snapshot' });
    await log.set(0, 'two');
    const manifest = await takeSnapshot({ log: log.log, blobs: log.blobs, logType: sheet, sequenceId: 1n });
    const unit = await work.begin(`snapshot/l/${at}`);
    await recordProgress(work.db, unit, { sequenceId: '1', blobId: manifest, entries: 1, total: 2 });
    if (state === 'dead') await work.db.query(`update tidemark.work set state = 'dead', fence = null, finished_at = now()`);
    await log.collect();
    expect(await log.marks()).toEqual([]);
    expect(await log.names()).toHaveLength(2);
    // And no longer than that.
    await work.db.query(`update tidemark.work set state = 'dead'`);
    await work.db.query(`select tidemark.discard_work('snapshot/l/${at}')`);
    expect(await log.collect()).toMatchObject({ removed: 2 });
  });

  test('and is not there is named, however it got lost', async () => {
    const store = memory();
    const log = await collectedSheet(database, store, 'l');
    const root = await log.snapshot(0, 'one');
    const tile = (await log.names()).find((name) => name.startsWith('tile-')) as string;
    await log.blobs.removeBlob(tile);
    await log.blobs.writeBlob('stray', new Uint8Array([1]));
    expect(await log.collect()).toMatchObject({ missing: [tile], problems: [], removed: 1 });
    // Without its root nobody knows its tiles: all of them stay.
    await log.blobs.removeBlob(root);
    await log.blobs.writeBlob(tile, new Uint8Array([1]));
    expect(await log.collect()).toMatchObject({ missing: [root], problems: [expect.stringContaining(root)], removed: 0, waiting: 1 });
    expect(await log.names()).toEqual([tile]);
    const report = await collect({ blobs: store });
    expect(report).toMatchObject({ missing: { count: 1, names: [`l/${root}`] }, skipped: { count: 1, logs: [{ log: 'l' }] } });
  });

  test('and is only late in the listing is not missing', async () => {
    const log = await collectedSheet(database, memory(), 'l');
    await log.snapshot(0, 'one');
    const blobs = { ...log.blobs, query: async () => ({ blobs: [], dirs: [] }) };
    expect(await log.collect({ blobs })).toMatchObject({ missing: [], removed: 0 });
  });
});

describe('of its snapshots a log', () => {
  test('never loses the newest one, nor that of the first entry it holds', async () => {
    const log = await collectedSheet(database, memory(), 'l');
    for (const value of ['one', 'two', 'three']) await log.snapshot(0, value);
    await log.log.truncate(1n);
    const all = [1, 3, 5];
    const { rows } = await database.db.query('select tidemark.drop_snapshots($1, $2) as dropped', ['l', all]);
    expect(rows[0].dropped).toBe('1');
    expect(await Promise.all(all.map(async (at) => (await work.entry('l', at)).snapshot !== null))).toEqual([true, false, true]);
    expect(await log.collect()).toMatchObject({ snapshots: 0, missing: [] });
    expect(await log.valueOf(0, 1n)).toBe('one');
  });

  test('keeps what its own settings say, else what its log type said when it was made', async () => {
    const store = memory();
    await collectedSheet(database, store, 'own');
    const other = await collectedSheet(database, store, 'default');
    await database.db.query(`update tidemark.logs set keep_snapshots = null, keep_days = null where id = 'default'`);
    for (let value = 0; value < 12; value += 1) await other.snapshot(0, value);
    // All of them are of today.
    expect(await collect({ blobs: store, logs: ['default'] })).toMatchObject({ logs: 1, snapshots: 2 });
    await database.db.query(`update tidemark.logs set keep_snapshots = 4 where id = 'default'`);
    expect(await collect({ blobs: store, logs: ['default'] })).toMatchObject({ snapshots: 6 });
  });
});

const collect = (options: Pick<CollectGarbageOptions, 'blobs'> & Partial<CollectGarbageOptions>) =>
  collectGarbage({
    pool: database.pool,
    schema: 'tidemark',
    logTypes: new Map<string, AnyLogType>([sheet, bankAccount].map((logType) => [logType.type, logType])),
    graceMs: 0,
    patienceMs: 0,
    ...options,
  });

describe('a collection of all logs', () => {
  test('goes on where another one was, and holds up at no log', async () => {
    const store = memory();
    for (const id of ['a', 'b', 'c']) await (await blobsOfLog(store, id)).writeBlob('stray', new Uint8Array([1]));
    for (const id of ['a', 'c']) await collectedSheet(database, store, id);
    await work.log('b', 'of-another-app');
    const seen: GarbageProgress[] = [];
    const report = await collect({ blobs: store, onProgress: (progress) => void seen.push(structuredClone(progress)) });
    expect(report).toMatchObject({
      logs: 3,
      removed: 2,
      skipped: { count: 1, logs: [{ log: 'b', reason: expect.stringContaining('of-another-app') }] },
    });
    expect(seen.map(({ after }) => after)).toEqual(['a', 'b', 'c']);

    for (const id of ['a', 'c']) await (await blobsOfLog(store, id)).writeBlob('stray', new Uint8Array([1]));
    const resumed = await collect({ blobs: store, resume: seen[0] as GarbageProgress });
    expect(resumed).toMatchObject({ logs: 3, removed: 2 });
    expect(await namesIn(await blobsOfLog(store, 'a'))).toEqual(['stray']);
    expect(await namesIn(await blobsOfLog(store, 'b'))).toEqual(['stray']);
    expect(await namesIn(await blobsOfLog(store, 'c'))).toEqual([]);
  });

  test('is not held up by a log whose blobs cannot be listed, and fails where none can', async () => {
    const store = memory();
    for (const id of ['a', 'b']) {
      await collectedSheet(database, store, id);
      await (await blobsOfLog(store, id)).writeBlob('stray', new Uint8Array([1]));
    }
    const failing = (isBroken: (log: string) => boolean): BlobStore => ({
      async getRootDir() {
        const root = await store.getRootDir();
        const broken = { query: () => Promise.reject(new Error('EIO')) };
        return { ...root, getDir: async (log) => ({ ...(await root.getDir(log)), ...(isBroken(log) ? broken : {}) }) };
      },
    });
    expect(await collect({ blobs: failing((log) => log === 'a') })).toMatchObject({
      logs: 2,
      removed: 1,
      skipped: { count: 1, logs: [{ log: 'a', reason: 'EIO' }] },
    });
    await expect(collect({ blobs: failing(() => true) })).rejects.toThrow('EIO');
  });

  test('leaves a log type alone whose snapshots do not say what they refer to', async () => {
    const store = memory();
    const log = await collectedSheet(database, store, 'l');
    await log.snapshot(0, 'one');
    await log.snapshot(0, 'two');
    const { references: _, ...snapshots } = sheet.snapshots;
    const report = await collect({ blobs: store, logTypes: new Map([['sheet', { ...sheet, snapshots }]]) });
    expect(report).toMatchObject({
      snapshots: 0,
      removed: 0,
      skipped: { logs: [{ log: 'l', reason: expect.stringContaining('references()') }] },
    });
    expect(await log.names()).toHaveLength(5);
  });

  test('refuses a log that is not there', async () => {
    await expect(collect({ blobs: memory(), logs: ['nowhere'] })).rejects.toMatchObject({ code: 'log_not_found' });
  });

  test('removes drafts of a directory that a crash has left behind, once nobody can be writing them', async () => {
    const path = join(directory.path, String(++stores));
    const store = createDirectoryBlobStore({ path });
    expect(await store.removeLeftovers?.()).toBe(0);
    await (await store.getRootDir()).writeBlob('x', new Uint8Array([1]));
    for (const [name, ageMinutes] of [
      ['old', 61],
      ['young', 59],
    ] as const) {
      const draft = join(path, '.tmp:', name);
      await writeFile(draft, 'x');
      const at = Date.now() / 1_000 - ageMinutes * 60;
      await utimes(draft, at, at);
    }
    expect(await collect({ blobs: store })).toMatchObject({ leftovers: 1 });
    expect(await collect({ blobs: store })).toMatchObject({ leftovers: 0 });
  });

  test('of 10,000 blobs in one log takes little memory', async () => {
    const store = memory();
    const log = await collectedSheet(database, store, 'l');
    await log.snapshot(0, 'kept');
    const kept = await log.names();
    for (let from = 0; from < 10_000; from += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, n) => log.blobs.writeBlob(`stray-${String(from + n).padStart(5, '0')}`, new Uint8Array(10))),
      );
    }
    const before = process.memoryUsage().heapUsed;
    let peak = 0;
    const onProgress = () => {
      peak = Math.max(peak, process.memoryUsage().heapUsed - before);
    };
    expect(await log.collect({ onProgress })).toMatchObject({ removed: 10_000, waiting: 0 });
    expect(peak).toBeLessThan(64e6);
    expect(await log.names()).toEqual(kept);
  });
});
