/** The snapshot workflow's unit where the newest snapshot is corrupt: it is done from an older one, and the worker says so. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import { snapshotHandler } from '../../src/snapshots/snapshot-work.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { registerWorkflows } from '../../src/work/register.ts';
import type { Unit } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { cell } from '../unit/snapshot-fixtures.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

test('a corrupt snapshot makes no unit dead while an older one and the log can stand in; the worker warns', async () => {
  const { pool } = database;
  await registerWorkflows(database.db, ['snapshot']);
  const store = createMemoryBlobStore();
  const blobs = await blobsOfLog(store, 'spoiled');
  await createLog(pool, { id: 'spoiled', type: 'sheet' });
  const log = createPostgresEventLog<SheetEntry & LogMetadata>({ pool, logId: 'spoiled' });
  await log.addEntries(
    Array.from({ length: 30 }, (_, index) => cell(index, 0, index)),
    0n,
  );
  const expected = await takeSnapshot({ log, blobs: await blobsOfLog(createMemoryBlobStore(), 'other'), logType: sheet, sequenceId: 29n });
  for (const sequenceId of [10n, 20n]) {
    await log.setMetadata(sequenceId, { snapshot: await takeSnapshot({ log, blobs, logType: sheet, sequenceId }) });
  }
  const newest = (await log.query(20n, 21n)).entries[0]?.snapshot ?? '';
  await blobs.writeBlob(newest, new Uint8Array([1, 2, 3]));

  const warnings: string[] = [];
  const handler = snapshotHandler(new Map([['sheet', sheet]]), {
    pool,
    schema: 'tidemark',
    blobs: store,
    cache: createSnapshotCache(),
    warn: (message) => void warnings.push(message),
  });
  const unit = {
    id: 'snapshot/spoiled/29',
    workflow: 'snapshot',
    group: 'sheet',
    entry: { logId: 'spoiled', sequenceId: 29n },
    progress: null,
  } as Unit;
  const context = { signal: new AbortController().signal, db: pool, extend: () => {}, recordProgress: async () => {} };
  expect(await handler.run(unit, context)).toEqual({ snapshot: expected });
  expect(warnings).toEqual([
    `snapshot/spoiled/29: the snapshot at 20 cannot be used, an older one and the entries since stood in. Blob '${newest}' cannot be used: it is not a whole gzip file.`,
  ]);

  await log.setMetadata(29n, { pending: 'snapshot' });
  await log.truncate(20n);
  await expect(handler.run(unit, context)).rejects.toThrow(newest);
});
