/**
 * Removes sheets of downloads that no table shows any more, and those that were never whole. The log goes first, then its blobs; what a snapshot that was under way
 * wrote after that goes with the next collection, and the record of the sheet with it.
 */
import type { BlobStore } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import type { Database } from '../postgres/queryable.ts';

export interface RemoveSheetsOptions {
  db: Database;
  blobs: BlobStore;
  /** How long one stays after it was replaced. */
  graceMs: number;
  signal?: AbortSignal | undefined;
}

/** Of one collection: the rest waits for the next. */
const MOST = 1_000;

export async function removeSheets({ db, blobs, graceMs, signal }: RemoveSheetsOptions): Promise<void> {
  const { rows } = await db.query(
    `select sheet from ${db.schema}.sheets_to_remove($1::bigint * interval '1 millisecond', $2::integer) sheet`,
    [graceMs, MOST],
  );
  for (const { sheet } of rows) {
    signal?.throwIfAborted();
    await db.query(`delete from ${db.schema}.logs where id = $1::text`, [sheet]);
    await (await blobsOfLog(blobs, sheet)).removeAll();
    await db.query(
      `with gone as (delete from ${db.schema}.workbook_sheet where sheet = $1::text and removed_at is not null returning 1)
       update ${db.schema}.workbook_sheet set removed_at = clock_timestamp() where sheet = $1::text and not exists (select 1 from gone)`,
      [sheet],
    );
  }
}
