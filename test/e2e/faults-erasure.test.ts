/** An erasure whose worker is killed, again and again, at the points where it matters. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { withHistory } from '../../src/history/with-history.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { findTexts } from '../support/erased.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
  await fixture.work.log('people', sheet.type);
});
afterEach(() => fixture.close());

const eventLog = () => createPostgresEventLog<SheetEntry & LogMetadata>({ pool: fixture.database.pool, logId: 'people' });
const directory = () => blobsOfLog(createDirectoryBlobStore({ path: fixture.blobsPath }), 'people');
const cell = (row: number, value: string): SheetEntry => ({ type: 'SetCellValueAndFormat', row, column: 0, value });

/** Its connection goes with it: Postgres would go on with the statement of a client that is gone. */
async function killWhileItWaitsFor(lock: string, query: string): Promise<void> {
  const holder = await fixture.database.ownerPool.connect();
  try {
    await holder.query('begin');
    await holder.query(lock);
    const dying = await fixture.workerProcess();
    const pids = await until(`it waits with ${query}`, async () => {
      const { rows } = await fixture.database.ownerPool.query(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
        [`%${query}%`],
      );
      return rows.length > 0 ? rows : undefined;
    });
    await dying.kill();
    for (const { pid } of pids) await fixture.database.ownerPool.query('select pg_terminate_backend($1)', [pid]);
    await holder.query('rollback');
  } finally {
    holder.release();
  }
}

test('killed before its entries, its swap and its removal: each time another goes on, and the values are nowhere', async () => {
  const log = eventLog();
  await log.addEntries([cell(0, 'secret-one'), cell(100, 'public'), { ...cell(1, 'secret-two'), pending: 'compact' }], 0n);
  const builder = await fixture.worker();
  await fixture.untilState('compact/people/2', 'done');
  await builder.stop();
  const ranges = [{ row: 0, column: 0, rowCount: 2, columnCount: 1 }];
  await log.addEntries([{ type: 'EraseCells', ranges, pending: 'erase' }], 3n);
  const found = async () => findTexts(fixture.database, await directory(), 'secret-');

  await killWhileItWaitsFor(`select from tidemark.entries where log_id = 'people' and sequence_id = 2 for update`, 'erase_entry_data');
  expect(await found()).toContain('table entries');

  await killWhileItWaitsFor(`select from tidemark.entries where log_id = 'people' and sequence_id = 3 for update`, 'swap_erased');
  expect(await fixture.work.entry('people', 3)).toEqual({ pending: 'erase', snapshot: null, history: null });
  expect(await found()).not.toContain('table entries');
  expect(await found()).not.toEqual([]);

  await killWhileItWaitsFor('lock table tidemark.blob_garbage in share mode', 'blob_garbage');
  expect(await fixture.work.entry('people', 3)).toMatchObject({ pending: 'erase', snapshot: expect.any(String) });
  expect((await fixture.work.row('erase/people/3')).progress).toMatchObject({ step: 'swapped', entries: expect.any(Number) });
  expect(await found()).not.toEqual([]);

  await fixture.worker();
  await fixture.untilState('erase/people/3', 'done');
  expect(await found()).toEqual([]);
  expect((await fixture.work.row('erase/people/3')).attempt).toBeGreaterThanOrEqual(4);
  const blobs = await directory();
  for (const [at, expected] of [
    [undefined, ['[erased]', '[erased]', 'public']],
    [3n, ['[erased]', '[erased]', 'public']],
    [1n, ['[erased]', null, null]],
  ] as const) {
    const view = await openSheet({ log: withHistory({ log, blobs }), blobs, ...(at === undefined ? {} : { at }) });
    const values = await Promise.all([0, 1, 100].map(async (row) => (await view.getCell(row, 0)).value));
    expect(values).toEqual(expected);
  }
}, 90_000);
