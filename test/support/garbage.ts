/** A sheet in Postgres whose snapshots are taken one after another, and the collection of its blobs. */
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import type { LogMetadata, SequenceId } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { type CollectLogOptions, collectLog } from '../../src/garbage/collect-log.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { CellValue } from '../../src/spreadsheet/cell.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import type { TestDatabase } from './database.ts';

export type CollectedSheet = Awaited<ReturnType<typeof collectedSheet>>;

/** Keeps its newest snapshot alone, unless told otherwise. */
export async function collectedSheet(database: TestDatabase, store: BlobStore, logId: string) {
  const { pool, db } = database;
  await createLog(pool, { id: logId, type: sheet.type, keepSnapshots: 1, keepDays: 0 });
  const log = createPostgresEventLog<SheetEntry & LogMetadata>({ pool, logId });
  const blobs = await blobsOfLog(store, logId);
  let end = 0n;

  const self = {
    logId,
    log,
    blobs,

    /** @returns its sequence id */
    async set(row: number, value: CellValue, metadata: LogMetadata = {}): Promise<SequenceId> {
      const at = end;
      ({ nextSequenceId: end } = await log.addEntry({ type: 'SetCellValueAndFormat', row, column: 0, value, ...metadata }, end));
      return at;
    },

    /** Sets a cell, and takes the snapshot before one more entry: of all that has been set. @returns its root */
    async snapshot(row: number, value: CellValue): Promise<string> {
      await self.set(row, value);
      const at = await self.set(1_000_000, 'after');
      const root = await takeSnapshot({ log, blobs, logType: sheet, sequenceId: at });
      await log.setMetadata(at, { snapshot: root });
      return root;
    },

    collect: (options: Partial<CollectLogOptions> = {}) =>
      collectLog({
        pool,
        schema: 'tidemark',
        logId,
        blobs,
        logType: sheet,
        retention: { keepSnapshots: 1, keepDays: 0 },
        graceMs: 0,
        patienceMs: 0,
        ...options,
      }),

    names: () => namesIn(blobs),

    async marks(): Promise<string[]> {
      const { rows } = await db.query('select name from tidemark.blob_garbage where log_id = $1 order by name', [logId]);
      return rows.map((row) => row.name);
    },

    /** What was marked is as if it had been so much earlier. */
    async age(hours: number): Promise<void> {
      await db.query(`update tidemark.blob_garbage set since = since - $2 * interval '1 hour' where log_id = $1`, [logId, hours]);
    },

    async valueOf(row: number, at?: SequenceId): Promise<CellValue> {
      return (await (await openSheet({ log, blobs, at })).getCell(row, 0)).value;
    },
  };
  return self;
}

export async function namesIn(blobs: BlobDir): Promise<string[]> {
  const names: string[] = [];
  for (let continuation: string | undefined; ; ) {
    const page = await blobs.query(continuation);
    names.push(...page.blobs);
    if (page.continuation === undefined) return names.sort();
    continuation = page.continuation;
  }
}
