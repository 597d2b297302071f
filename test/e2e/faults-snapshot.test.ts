/** Snapshots whose log is truncated, whose worker is killed or whose blob store fails while they are taken. */
import { readdir } from 'node:fs/promises';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { errorMessage, UnavailableError } from '../../src/errors.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { createTidemark } from '../../src/tidemark.ts';
import { applyBankEntry, type BankEntry, bankAccount, bankEntryFor } from '../support/bank-account.ts';
import { timeSkippingServer } from '../support/servers.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { troubledBlobStore } from '../support/troubled-blob-store.ts';
import { until } from '../support/until.ts';

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
  await fixture.work.log('account', bankAccount.type);
});
afterEach(() => fixture.close());

const eventLog = () => createPostgresEventLog<BankEntry & LogMetadata>({ pool: fixture.database.pool, logId: 'account' });
/** Appends entries up to this sequence id and asks for the snapshot there. */
const askForSnapshotAt = async (sequenceId: number): Promise<string> => {
  const log = eventLog();
  const { endSequenceId } = await log.query('start', 'end');
  for (let next = Number(endSequenceId); next < sequenceId; next += 1) await log.addEntry(bankEntryFor(next), BigInt(next));
  await log.addEntry({ ...bankEntryFor(sequenceId), pending: 'snapshot' }, BigInt(sequenceId));
  return `snapshot/account/${sequenceId}`;
};
const blobNames = async () => (await readdir(fixture.blobsPath, { recursive: true })).sort();
const expected = (entries: number) =>
  Array.from({ length: entries }, (_, n) => bankEntryFor(n)).reduce(applyBankEntry, bankAccount.initial());

describe('a log that is truncated under a running snapshot', () => {
  let held = 0;
  let holds: 'read' | 'write' | undefined;

  beforeEach(async () => {
    held = 0;
    holds = undefined;
    const blobs = troubledBlobStore(createDirectoryBlobStore({ path: fixture.blobsPath }), async (call) => {
      if (call !== holds) return;
      held += 1;
      await until('the test lets it go on', () => holds !== call, 20_000);
    });
    const first = await fixture.worker({ blobs });
    await fixture.untilState(await askForSnapshotAt(20), 'done');
    // Another one, which has read nothing yet.
    await first.stop();
    await fixture.worker({ blobs });
  });

  const heldAt = async (call: 'read' | 'write', sequenceId: number) => {
    holds = call;
    const id = await askForSnapshotAt(sequenceId);
    await until('the snapshot waits', () => held > 0);
    return id;
  };

  test.each(['read', 'write'] as const)(
    'up to its newest snapshot, before a %s: the snapshot is taken, and right',
    async (call) => {
      const id = await heldAt(call, 40);
      await eventLog().truncate(20n);
      holds = undefined;
      await fixture.untilState(id, 'done');
      const app = createTidemark({
        db: fixture.database.pool,
        logTypes: [bankAccount],
        blobs: createDirectoryBlobStore({ path: fixture.blobsPath }),
      });
      await eventLog().truncate(40n);
      expect(await app.log(bankAccount, 'account').state()).toEqual(expected(41));
      await app.close();
    },
    60_000,
  );

  test('past the entry that asked for it: there is nothing left to do, and nothing left pending', async () => {
    const id = await heldAt('write', 40);
    await eventLog().addEntry(bankEntryFor(41), 41n);
    await eventLog().truncate(41n);
    holds = undefined;
    await fixture.untilState(id, 'cancelled');
    expect(await fixture.work.states()).toEqual({ 'snapshot/account/20': 'done', [id]: 'cancelled' });
  }, 60_000);
});

test('a worker that is killed after the blobs, before the finish: another makes the same snapshot, and the entry names it', async () => {
  const id = await askForSnapshotAt(30);
  const holder = await fixture.database.pool.connect();
  try {
    // The finish locks the entry, when all blobs are written.
    await holder.query('begin');
    await holder.query(`select from tidemark.entries where log_id = 'account' and sequence_id = 30 for update`);
    const dying = await fixture.workerProcess();
    const { pid } = await until('the finish waits', async () => {
      const { rows } = await fixture.database.ownerPool.query(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%finish_work%'`,
      );
      return rows[0] as { pid: number } | undefined;
    });
    const written = await blobNames();
    expect(written.length).toBeGreaterThan(0);
    expect(await fixture.work.entry('account', 30)).toMatchObject({ pending: 'snapshot', snapshot: null });
    await dying.kill();
    // Postgres would go on with the statement of a client that is gone.
    await fixture.database.ownerPool.query('select pg_terminate_backend($1)', [pid]);
    await holder.query('rollback');
    await fixture.worker();
    await fixture.untilState(id, 'done');
    const { attempt } = await fixture.work.row(id);
    expect(attempt).toBeGreaterThan(1);
    expect(await fixture.work.entry('account', 30)).toMatchObject({ pending: null, snapshot: expect.any(String) });
    expect(await blobNames()).toEqual(written);
  } finally {
    holder.release();
  }
}, 60_000);

test('a log that was truncated before any snapshot: dead with its error, and never a snapshot of a part', async () => {
  const id = await askForSnapshotAt(30);
  await eventLog().truncate(10n);
  await fixture.worker();
  await fixture.untilState(id, 'dead');
  expect(await fixture.work.row(id)).toMatchObject({ attempt: 1, error: { code: 'history_gone' } });
  expect(await fixture.work.entry('account', 30)).toMatchObject({ pending: 'snapshot', snapshot: null });
}, 60_000);

describe('over days', () => {
  let environment: TestWorkflowEnvironment;

  beforeEach(async () => {
    environment = await TestWorkflowEnvironment.createTimeSkipping({ server: await timeSkippingServer() });
  });
  afterEach(() => environment.teardown());

  /** Its sweep asks about nothing in these days: of them Postgres has seen seconds. */
  const snapshotOver = async (failing: () => Promise<void>) => {
    const worker = await fixture.worker({ address: environment.address, blobs: troubledBlobStore(createMemoryBlobStore(), failing) });
    const id = await askForSnapshotAt(30);
    await until('it has been started', async () => (await fixture.work.row(id)).state === 'started');
    const outcome = await environment.client.workflow
      .getHandle(await fixture.executionOf(id))
      .result()
      .catch(errorMessage);
    await worker.stop();
    return { outcome, row: await fixture.work.row(id) };
  };

  test('a blob store that fails for three days: the snapshot is taken when it works again', async () => {
    const THREE_DAYS_MS = 3 * 24 * 3_600_000;
    const start = await environment.currentTimeMs();
    let now = start;
    let failures = 0;
    const { outcome, row } = await snapshotOver(async () => {
      now = await environment.currentTimeMs();
      if (now < start + THREE_DAYS_MS) {
        failures += 1;
        throw new UnavailableError('the disk is gone');
      }
    });
    expect(outcome).toBe('finished');
    expect(row).toMatchObject({ state: 'done', failures: 0 });
    // Every ten minutes at most: not given up, not forgotten, not in a hurry.
    expect(failures).toBeGreaterThan(430);
    expect(failures).toBeLessThan(480);
    expect(now - start).toBeLessThan(THREE_DAYS_MS + 11 * 60_000);
  }, 60_000);

  test('an error that nobody has foreseen is tried for hours, then the snapshot is dead with it', async () => {
    const start = await environment.currentTimeMs();
    const { outcome, row } = await snapshotOver(async () => {
      throw new TypeError('store.put is not a function');
    });
    expect(outcome).toBe('Workflow execution failed');
    expect(row).toMatchObject({ state: 'dead', failures: 20, error: { message: 'store.put is not a function' } });
    expect((await environment.currentTimeMs()) - start).toBeGreaterThan(3_600_000);
  }, 60_000);
});
