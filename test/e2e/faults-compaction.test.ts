/** Compactions whose worker is killed, or whose log is truncated, while they run. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { historyReferences } from '../../src/history/history-references.ts';
import { withHistory } from '../../src/history/with-history.ts';
import { readState } from '../../src/snapshots/read-state.ts';
import { applyBankEntry, type BankEntry, bankAccount, bankEntryFor } from '../support/bank-account.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { troubledBlobStore } from '../support/troubled-blob-store.ts';
import { until } from '../support/until.ts';

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
  await fixture.work.log('account', bankAccount.type);
});
afterEach(() => fixture.close());

const eventLog = () => createPostgresEventLog<BankEntry & LogMetadata>({ pool: fixture.database.pool, logId: 'account', pageSize: 10_000 });
const directory = (): Promise<BlobDir> => blobsOfLog(createDirectoryBlobStore({ path: fixture.blobsPath }), 'account');
const blobNames = () => readdir(join(fixture.blobsPath, 'account')).catch(() => [] as string[]);
const entriesOf = (count: number) => Array.from({ length: count }, (_, number) => bankEntryFor(number));

/** A log with `count` entries, the last of which asks. @returns the unit */
async function askFor(count: number): Promise<string> {
  const entries: (BankEntry & LogMetadata)[] = entriesOf(count);
  const last = entries.length - 1;
  entries[last] = { ...(entries[last] as BankEntry), pending: 'compact' };
  for (let start = 0; start < count; start += 10_000) await eventLog().addEntries(entries.slice(start, start + 10_000), BigInt(start));
  return `compact/account/${last}`;
}

/** Compacted up to `at`; what is in the log and in its history is what was appended, and every blob that is needed is there. */
async function expectCompacted(at: number, count: number): Promise<void> {
  const { pending, snapshot, history } = await fixture.work.entry('account', at);
  expect({ pending, first: (await eventLog().query('start', 0n)).startSequenceId }).toEqual({ pending: null, first: BigInt(at) });
  const blobs = await directory();
  const names = new Set(await blobNames());
  expect(names).toContain(snapshot);
  for await (const name of historyReferences(blobs, history as string)) expect(names).toContain(name);
  const log = withHistory({ log: eventLog(), blobs });
  const read: BankEntry[] = [];
  for (let start: bigint | 'start' = 'start', complete = false; !complete; ) {
    const page = await log.query(start, 'end');
    read.push(...page.entries.map(({ snapshot: _, history: __, pending: ___, ...entry }) => entry as BankEntry));
    start = page.endSequenceId;
    complete = page.isComplete;
  }
  expect(read).toEqual(entriesOf(count));
  for (const time of [0, Math.floor(at / 2), at, count]) {
    const { state } = await readState({ log, blobs, logType: bankAccount, at: BigInt(time) });
    expect(state).toEqual(entriesOf(time).reduce(applyBankEntry, bankAccount.initial()));
  }
}

test('a worker that is killed between two segments: another goes on, and the history is whole', async () => {
  const id = await askFor(60_000);
  const dying = await fixture.workerProcess();
  await until('some segments are written', async () => (await blobNames()).some((name) => name.startsWith('segment-20000-')));
  await dying.kill();
  const written = (await blobNames()).filter((name) => name.startsWith('segment-'));
  await fixture.worker();
  await fixture.untilState(id, 'done');
  await expectCompacted(59_999, 60_000);
  // The same blobs, by another worker.
  expect((await blobNames()).filter((name) => name.startsWith('segment-'))).toEqual(expect.arrayContaining(written));
  expect((await blobNames()).filter((name) => name.startsWith('segment-'))).toHaveLength(6);
}, 60_000);

test('a worker that is killed after the root, before the finish: another ends it with the same blobs, and until then the log is whole', async () => {
  const id = await askFor(300);
  const holder = await fixture.database.pool.connect();
  try {
    // Its end locks the entry, when all blobs are written.
    await holder.query('begin');
    await holder.query(`select from tidemark.entries where log_id = 'account' and sequence_id = 299 for update`);
    const dying = await fixture.workerProcess();
    const { pid } = await until('its end waits', async () => {
      const { rows } = await fixture.database.ownerPool.query(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%truncate_archived%'`,
      );
      return rows[0] as { pid: number } | undefined;
    });
    const written = (await blobNames()).sort();
    expect(written.map((name) => name.slice(0, name.indexOf('-')))).toEqual(['history', 'segment', 'state']);
    expect(await fixture.work.entry('account', 299)).toEqual({ pending: 'compact', snapshot: null, history: null });
    await dying.kill();
    // Postgres would go on with the statement of a client that is gone.
    await fixture.database.ownerPool.query('select pg_terminate_backend($1)', [pid]);
    await holder.query('rollback');
    expect((await eventLog().query('start', 'end')).entries).toHaveLength(300);
    await fixture.worker();
    await fixture.untilState(id, 'done');
    expect((await fixture.work.row(id)).attempt).toBeGreaterThan(1);
    expect((await blobNames()).sort()).toEqual(written);
    await expectCompacted(299, 300);
  } finally {
    holder.release();
  }
}, 60_000);

test('a log that is truncated under a running compaction, past its entry: there is nothing left to do', async () => {
  let held = 0;
  let holds = true;
  const blobs = troubledBlobStore(createDirectoryBlobStore({ path: fixture.blobsPath }), async (call) => {
    if (call !== 'write' || !holds) return;
    held += 1;
    await until('the test lets it go on', () => !holds, 20_000);
  });
  await fixture.worker({ blobs });
  const id = await askFor(40);
  await until('the compaction waits', () => held > 0);
  await eventLog().addEntry(bankEntryFor(40), 40n);
  await eventLog().truncate(40n);
  holds = false;
  await fixture.untilState(id, 'cancelled');
  expect((await eventLog().query('start', 'end')).entries).toEqual([bankEntryFor(40)]);
}, 60_000);
