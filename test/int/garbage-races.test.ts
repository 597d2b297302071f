/** Garbage collection beside those who write blobs: each interleaving that could take a blob from under a finished snapshot, made to happen. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { createRegistry, unitHandlers } from '../../src/registry.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { type AttemptOutcome, runUnit } from '../../src/work/run-unit.ts';
import { findHandlers, type Unit, type UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type CollectedSheet, collectedSheet } from '../support/garbage.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let store: BlobStore;
let log: CollectedSheet;
/** Of the snapshot that is not kept. */
let oldRoot: string;
/** What it alone refers to: a snapshot of the same cells writes it again. */
let oldTile: string;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
});
afterAll(() => database.drop());

/** A sheet whose first snapshot is not kept, nor marked yet. */
beforeEach(async () => {
  await work.clear();
  await work.register('snapshot');
  store = createMemoryBlobStore();
  log = await collectedSheet(database, store, 'l');
  oldRoot = await log.snapshot(0, 'one');
  [, oldTile] = (await log.names()) as [string, string];
  await log.snapshot(0, 'two');
});

const DAY_MS = 24 * 3_600_000;

/** The first snapshot's blobs have been garbage for longer than the grace period, and nobody has come to remove them. */
async function markLongAgo(): Promise<void> {
  await log.collect({ graceMs: DAY_MS });
  await log.age(25);
  expect(await log.marks()).toEqual([oldRoot, oldTile]);
}

/** Asks for a snapshot that writes the old tile again. @returns id of its unit */
async function askForSnapshot(): Promise<string> {
  await log.set(0, 'one');
  return `snapshot/l/${await log.set(1, 'more', { pending: 'snapshot' })}`;
}

function run(unit: Unit, blobs: BlobStore = store): Promise<AttemptOutcome> {
  const { pool } = database;
  const handler = findHandlers(unitHandlers(createRegistry({ logTypes: [sheet] }), { pool, schema: 'tidemark', blobs }))(
    unit.id,
  ) as UnitHandler;
  return runUnit(unit, handler, { pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000 });
}

/** Nobody is left waiting behind a test that fails. */
const gates: (() => void)[] = [];
afterEach(() => {
  for (const open of gates.splice(0)) open();
});

/** Everyone who comes to it waits until it is opened. */
function createGate() {
  let arrived = 0;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
    gates.push(resolve);
  });
  return {
    pass: async () => {
      arrived += 1;
      await opened;
    },
    untilReached: () => until('someone is at the gate', () => arrived > 0),
    open: () => open(),
  };
}

/** The same directory, with something before each write or removal. */
function meddling(
  blobs: BlobDir,
  { write, remove }: { write?: (name: string) => Promise<void>; remove?: (name: string) => Promise<void> },
): BlobDir {
  return {
    ...blobs,
    async writeBlob(name, content) {
      await write?.(name);
      await blobs.writeBlob(name, content);
    },
    async removeBlob(name) {
      await remove?.(name);
      await blobs.removeBlob(name);
    },
  };
}

/** A store of which the log's directory is `dir`. */
const storeOf = (dir: BlobDir): BlobStore => ({ getRootDir: async () => ({ ...dir, getDir: async () => dir }) });

const untilOneWaitsForALock = () =>
  until('one waits for a lock', async () => {
    const { rows } = await database.ownerPool.query(
      `select count(*)::integer as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].n === 1;
  });

const removalsAreLongOver = () =>
  database.db.query(`update tidemark.blob_garbage set removing_since = removing_since - interval '2 minutes'`);

/** The session of whoever was stopped in one has ended. */
const untilNoTransactionIsOpen = () =>
  until('no transaction is open', async () => {
    const { rows } = await database.ownerPool.query(
      `select count(*)::integer as n from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
    );
    return rows[0].n === 0;
  });

/** The newest snapshot can be read, all of it, and nothing that is referred to is missing. */
async function expectWhole(): Promise<void> {
  expect(await log.collect({ dryRun: true })).toMatchObject({ missing: [], problems: [] });
  expect(await log.valueOf(0)).toBe('one');
}

describe('a snapshot that writes a blob which was marked before it began', () => {
  test('while that is being removed waits, and writes it anew', async () => {
    await markLongAgo();
    const gate = createGate();
    const collecting = log.collect({ blobs: meddling(log.blobs, { remove: gate.pass }) });
    await gate.untilReached();
    const unit = await work.begin(await askForSnapshot());
    expect(unit.hasGarbage).toBe(true);
    const running = run(unit);
    await untilOneWaitsForALock();
    gate.open();
    expect(await collecting).toMatchObject({ removed: 2 });
    expect(await running).toEqual({ type: 'finished' });
    expect(await log.names()).toContain(oldTile);
    await expectWhole();
  });

  test('before anyone comes to remove it has taken its mark off', async () => {
    await markLongAgo();
    const unit = await work.begin(await askForSnapshot());
    expect(await run(unit)).toEqual({ type: 'finished' });
    expect(await log.marks()).toEqual([oldRoot]);
    // The second snapshot goes now, and the first one's root; the old tile is the third one's.
    await log.collect();
    expect(await log.names()).toContain(oldTile);
    await expectWhole();
  });

  test('and is not finished: nothing of its log is removed', async () => {
    await markLongAgo();
    const unit = await work.begin(await askForSnapshot());
    const gate = createGate();
    // At its root everything else has been written.
    const running = run(
      unit,
      storeOf(meddling(log.blobs, { write: async (name) => void (name.startsWith('sheet-') && (await gate.pass())) })),
    );
    await gate.untilReached();
    expect(await log.collect()).toMatchObject({ removed: 0, postponed: true });
    gate.open();
    expect(await running).toEqual({ type: 'finished' });
    await expectWhole();
    expect(await log.collect()).toMatchObject({ removed: expect.any(Number), postponed: false });
    await expectWhole();
  });
});

describe('a snapshot that takes longer than the grace period', () => {
  test('finds every blob that it has written, though it knew of no mark', async () => {
    const unit = await work.begin(await askForSnapshot());
    expect(unit.hasGarbage).toBeUndefined();
    const gate = createGate();
    const running = run(
      unit,
      storeOf(meddling(log.blobs, { write: async (name) => void (name.startsWith('sheet-') && (await gate.pass())) })),
    );
    await gate.untilReached();
    // Its tile is there, and nothing refers to it.
    expect(await log.collect()).toMatchObject({ postponed: true });
    expect(await log.marks()).toContain(oldTile);
    await log.age(25);
    expect(await log.collect()).toMatchObject({ removed: 0, postponed: true });
    gate.open();
    expect(await running).toEqual({ type: 'finished' });
    await log.collect();
    await expectWhole();
  });

  test('is waited for, for a while', async () => {
    await markLongAgo();
    const unit = await work.begin(await askForSnapshot());
    const collecting = log.collect({ patienceMs: 10_000 });
    await until('it has looked', async () => (await log.marks()).length >= 2);
    expect(await run(unit)).toEqual({ type: 'finished' });
    expect(await collecting).toMatchObject({ postponed: false });
    expect(await log.names()).not.toContain(oldRoot);
    await expectWhole();
  });

  test('counts from when it was asked for: whoever takes it may have begun', async () => {
    await markLongAgo();
    await askForSnapshot();
    expect(await log.collect()).toMatchObject({ removed: 0, postponed: true });
  });
});

describe('a collector', () => {
  test('removes nothing that was referred to after it had looked', async () => {
    await markLongAgo();
    let referred = false;
    // After its page of names and before it removes any: another host takes a snapshot, without a unit.
    const onProgress = async () => {
      if (referred) return;
      referred = true;
      await log.log.setMetadata(1n, { snapshot: oldRoot });
    };
    expect(await log.collect({ onProgress })).toMatchObject({ removed: 0 });
    expect(await log.names()).toEqual(expect.arrayContaining([oldRoot, oldTile]));
    expect(await log.valueOf(0, 1n)).toBe('one');
    expect(await log.marks()).toEqual([]);
  });

  test('that was stopped and has lost its session removes nothing more when it wakes', async () => {
    // What goes first, so that the old tile is in another handful than what is being removed when it stops.
    for (let n = 10; n < 40; n += 1) await log.blobs.writeBlob(`a-${n}`, new Uint8Array([1]));
    await log.collect({ graceMs: DAY_MS });
    await log.age(25);
    const gate = createGate();
    const collecting = log.collect({ blobs: meddling(log.blobs, { remove: gate.pass }) });
    await gate.untilReached();
    await database.ownerPool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
    );
    // Nothing holds the marks now, but what it has asked the store for may still come.
    const id = await askForSnapshot();
    expect(await run(await work.begin(id))).toMatchObject({ type: 'failed', kind: 'infrastructure', error: { code: 'unavailable' } });
    expect(await log.marks()).toContain(oldTile);
    await removalsAreLongOver();
    expect(await run(await work.begin(id))).toEqual({ type: 'finished' });
    gate.open();
    await expect(collecting).rejects.toThrow();
    await expectWhole();
    // And what it had removed without being able to say so is no fault.
    await log.collect();
    await expectWhole();
    expect((await log.names()).filter((name) => name.startsWith('a-'))).toEqual([]);
  });

  test('that is stopped in the middle does not hold up writers for ever', async () => {
    await markLongAgo();
    const gate = createGate();
    const collecting = log.collect({ blobs: meddling(log.blobs, { remove: gate.pass }), sessionTimeoutMs: 300 });
    const stopped = expect(collecting).rejects.toThrow();
    await gate.untilReached();
    const id = await askForSnapshot();
    // Waits until the server has ended the session; then for what that has asked the store for.
    expect(await run(await work.begin(id))).toMatchObject({ type: 'failed', kind: 'infrastructure' });
    gate.open();
    await stopped;
    await removalsAreLongOver();
    expect(await run(await work.begin(id))).toEqual({ type: 'finished' });
    await expectWhole();
  });

  test('beside another one: each blob is removed, and nobody fails', async () => {
    for (let n = 0; n < 500; n += 1) await log.blobs.writeBlob(`stray-${n}`, new Uint8Array([1]));
    const [one, other] = await Promise.all([log.collect({ patienceMs: 5_000 }), log.collect({ patienceMs: 5_000 })]);
    // What one had set out to remove while the other looked at it is for the next.
    await removalsAreLongOver();
    const next = await log.collect();
    expect(one.removed + other.removed + next.removed).toBeGreaterThanOrEqual(502);
    expect((await log.names()).filter((name) => name.startsWith('stray-'))).toEqual([]);
    expect(await log.marks()).toEqual([]);
  });

  test('whose store fails has lost nothing: the next one goes on', async () => {
    await markLongAgo();
    const failing = meddling(log.blobs, { remove: (name) => (name === oldTile ? Promise.reject(new Error('disk')) : Promise.resolve()) });
    await expect(log.collect({ blobs: failing })).rejects.toThrow('disk');
    expect(await log.marks()).toEqual([oldRoot, oldTile]);
    expect(await log.collect()).toMatchObject({ removed: 0, missing: [] });
    await removalsAreLongOver();
    expect(await log.collect()).toMatchObject({ missing: [] });
    expect(await log.marks()).toEqual([]);
    expect(await log.names()).toHaveLength(3);
  });

  test('leaves alone what another has set out to remove, and may still: it was stopped in the middle', async () => {
    await markLongAgo();
    const gate = createGate();
    const stopped = log.collect({ graceMs: DAY_MS, sessionTimeoutMs: 300, blobs: meddling(log.blobs, { remove: gate.pass }) });
    stopped.catch(() => {});
    await gate.untilReached();
    await untilNoTransactionIsOpen();
    expect(await log.collect({ graceMs: DAY_MS })).toMatchObject({ removed: 0 });
    const id = await askForSnapshot();
    expect(await run(await work.begin(id))).toMatchObject({ type: 'failed', kind: 'infrastructure' });
    gate.open();
    await expect(stopped).rejects.toThrow();
    await removalsAreLongOver();
    expect(await run(await work.begin(id))).toEqual({ type: 'finished' });
    await expectWhole();
  });

  test('removes nothing that it knows to be referred to, whatever another marks with older news', async () => {
    const old = createGate();
    const fresh = createGate();
    const older = log.collect({
      blobs: { ...log.blobs, query: (continuation) => old.pass().then(() => log.blobs.query(continuation)) },
      onProgress: () => Promise.reject(new Error('killed')),
    });
    older.catch(() => {});
    await old.untilReached();
    expect(await run(await work.begin(await askForSnapshot()))).toEqual({ type: 'finished' });
    const newer = log.collect({ onProgress: fresh.pass });
    await fresh.untilReached();
    old.open();
    await expect(older).rejects.toThrow('killed');
    fresh.open();
    await newer;
    await expectWhole();
  });

  test("is not held up by progress that handlers of the application's own keep", async () => {
    await work.register('mail');
    await log.set(0, 'two', { pending: 'mail' });
    await database.db.query(`update tidemark.work set progress = '{"blobId":"invoice.pdf"}', state = 'claimed' where workflow = 'mail'`);
    expect(await log.collect()).toMatchObject({ problems: [], removed: 2 });
  });
});

describe('of a log that was truncated', () => {
  test('the oldest snapshot stays: what is between it and the next can be read', async () => {
    await log.snapshot(0, 'three');
    await log.log.truncate(2n);
    expect(await log.valueOf(0, 4n)).toBe('two');
    await log.collect();
    expect(await log.valueOf(0, 4n)).toBe('two');
  });
});

test('no snapshot is let go of while one that stays cannot be read', async () => {
  const newest = await log.snapshot(0, 'three');
  const before = await work.entry('l', 3);
  await log.blobs.removeBlob(newest);
  expect((await log.collect()).problems).toHaveLength(1);
  expect(await work.entry('l', 3)).toMatchObject({ snapshot: before.snapshot });
});

describe('letting go of a snapshot', () => {
  test('waits for a truncation to its entry, which then is the first one held', async () => {
    let dropping: Promise<unknown> | undefined;
    await inTransaction(database.pool, async (client) => {
      await log.log.truncate(0n);
      await client.query(`select tidemark.truncate_log('l', 1)`);
      dropping = database.db.query(`select tidemark.drop_snapshots('l', '{1}')`);
      await untilOneWaitsForALock();
    });
    await dropping;
    expect(await work.entry('l', 1)).toMatchObject({ snapshot: oldRoot });
  });

  test('of one that a running attempt goes on from takes nothing from it', async () => {
    await database.db.query(`update tidemark.entries set snapshot = null where sequence_id = 3`);
    // The next one shares the first one's tiles.
    await log.set(1_000_000, 'moved');
    const at = await log.set(2, 'more', { pending: 'snapshot' });
    const unit = await work.begin(`snapshot/l/${at}`);
    const gate = createGate();
    const running = run(unit, storeOf(meddling(log.blobs, { write: gate.pass })));
    await gate.untilReached();
    await log.log.setMetadata(1n, { snapshot: undefined });
    expect(await log.collect()).toMatchObject({ removed: 0, postponed: true });
    gate.open();
    expect(await running).toEqual({ type: 'finished' });
    await log.collect();
    expect(await log.collect({ dryRun: true })).toMatchObject({ missing: [], problems: [] });
    expect(await log.valueOf(0)).toBe('two');
  });
});
