/** Live sheets over Postgres: log and blobs. What they promise over any log is in test/unit. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createPostgresBlobStore } from '../../src/blob-store/postgres-blob-store.ts';
import { CellConflictError } from '../../src/errors.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { caughtUp, cellsOf, expectNoneLost, liveSheets, watchShownCells, whenView } from '../support/live-sheets.ts';
import { expectedContent } from '../unit/snapshot-fixtures.ts';

let database: TestDatabase;
const area = { rows: 50, columns: 40 };
const everything = { row: 0, column: 0, rowCount: 50, columnCount: 40 };

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 20 });
});
afterAll(() => database?.drop());

const live = liveSheets(onTestFinished);

async function newSheet(id: string): Promise<{ log: SheetLog; blobs: BlobDir }> {
  await createLog(database.pool, { id, type: 'sheet' });
  return {
    log: createPostgresEventLog<SheetEntry>({ pool: database.pool, logId: id }),
    blobs: await blobsOfLog(createPostgresBlobStore({ pool: database.pool }), id),
  };
}

async function entriesIn(log: SheetLog, from = 0n): Promise<SheetEntry[]> {
  const { entries, isComplete } = await log.query(from, 'end');
  return isComplete ? entries : [...entries, ...(await entriesIn(log, from + BigInt(entries.length)))];
}

test('two clients edit 1,000 different cells at once and none is refused', async () => {
  const { log, blobs } = await newSheet('different');
  const clients = [await live(log, blobs, { conflict: 'report' }), await live(log, blobs, { conflict: 'report' })];
  const ids = await Promise.all(
    clients.flatMap((client, which) =>
      Array.from({ length: 500 }, async (_, index) => {
        // Spread over some time, so that they meet again and again.
        await new Promise((resolve) => setTimeout(resolve, index % 100));
        return client.setCell(Math.floor(index / 20), 2 * (index % 20) + which, `${which}/${index}`);
      }),
    ),
  );
  expect(new Set(ids).size).toBe(1_000);
  const entries = await entriesIn(log);
  for (const client of clients) {
    await caughtUp(client, 1_000n);
    expect(cellsOf(client.view, area)).toEqual(expectedContent(entries).cells);
    expect(client.view.sync).toEqual({ state: 'saved', waitingEdits: 0, rolledBack: [] });
  }
});

test('the same cell at once: the policy decides, and all see one value', async () => {
  for (const conflict of ['overwrite', 'report'] as const) {
    const { log, blobs } = await newSheet(`same-${conflict}`);
    const clients = await Promise.all(Array.from({ length: 4 }, () => live(log, blobs, { conflict, pollMs: 60_000 })));
    const edits = await Promise.allSettled(clients.map((client, which) => client.setCell(0, 0, which)));
    const saved = edits.filter(({ status }) => status === 'fulfilled').length;
    expect(await entriesIn(log)).toHaveLength(saved);
    expect(saved).toBe(conflict === 'overwrite' ? 4 : 1);
    for (const edit of edits) if (edit.status === 'rejected') expect(edit.reason).toBeInstanceOf(CellConflictError);
    const last = (await entriesIn(log)).at(-1) as Extract<SheetEntry, { type: 'SetCellValueAndFormat' }>;
    for (const client of clients) {
      await whenView(client, 'one value', (view) => view.getCell(0, 0)?.value === last.value);
    }
  }
});

test('snapshots and truncations under clients that edit: nothing that is shown is lost, and all end equal', async () => {
  const { log, blobs } = await newSheet('truncated');
  const clients = await Promise.all([1, 2].map(() => live(log, blobs, { viewport: everything, maxOverlayBytes: 5_000 })));
  const watched = clients.map((client) => watchShownCells(client, area));
  const all: SheetEntry[] = [];
  for (let round = 0; round < 4; round += 1) {
    await Promise.all(
      clients.flatMap((client, which) =>
        Array.from({ length: 60 }, (_, index) => client.setCell(index % 50, (index + round) % 40, `${round} ${which} ${index}`)),
      ),
    );
    all.push(...(await entriesIn(log, BigInt(all.length))));
    const at = BigInt(all.length) - 1n;
    await log.setMetadata(at, { snapshot: await takeSnapshot({ log, blobs, logType: sheet, sequenceId: at }) });
    await log.truncate(at);
  }
  const late = await live(log, blobs, { viewport: everything });
  for (const client of [...clients, late]) {
    await caughtUp(client, BigInt(all.length));
    await whenView(client, 'loaded', ({ load }) => load.isComplete);
    expect(cellsOf(client.view, area)).toEqual(expectedContent(all).cells);
  }
  for (const one of watched) expectNoneLost(one);
  await whenView(clients[0] as (typeof clients)[0], 'on a newer snapshot', ({ base }) => base.sequenceId > 0n);
});

test('connections that Postgres ends are waited out, and no edit is lost or doubled', async () => {
  const { log, blobs } = await newSheet('interrupted');
  const opened = await live(log, blobs);
  const edits: Promise<bigint>[] = [];
  for (let round = 0; round < 5; round += 1) {
    for (let index = 0; index < 40; index += 1) edits.push(opened.setCell(index, round, `${round}/${index}`));
    await database.ownerPool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test app' and datname = $1`,
      [database.name],
    );
  }
  const ids = await Promise.all(edits);
  expect(ids).toEqual(ids.map((_, index) => BigInt(index)));
  expect(await entriesIn(log)).toHaveLength(200);
  await whenView(opened, 'saved', ({ sync }) => sync.state === 'saved');
});
