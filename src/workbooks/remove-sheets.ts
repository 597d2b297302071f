/**
 * Removes sheets of downloads that no table shows any more, and those that were never whole. The log goes first, then its blobs; what a snapshot that was under way
 * wrote after that goes with the next collection, and the record of the sheet with it. A log that somebody has made of that name since then is theirs.
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
    `select s.sheet, s.removed_at is not null as was_removed
     from ${db.schema}.sheets_to_remove($1::bigint * interval '1 millisecond', $2::integer) r (sheet) join ${db.schema}.workbook_sheet s using (sheet)`,
    [graceMs, MOST],
  );
  for (const { sheet, was_removed: wasRemoved } of rows) {
    signal?.throwIfAborted();
    if (!wasRemoved) {
      await db.query(
        `with removed as (
           update ${db.schema}.workbook_sheet set removed_at = clock_timestamp() where sheet = $1::text and removed_at is null returning sheet
         )
         delete from ${db.schema}.logs l using removed r where l.id = r.sheet`,
        [sheet],
      );
    }
    const { rows: theirs } = await db.query(`select 1 from ${db.schema}.logs where id = $1::text`, [sheet]);
    if (theirs.length === 0) await (await blobsOfLog(blobs, sheet)).removeAll();
    if (wasRemoved) await db.query(`delete from ${db.schema}.workbook_sheet where sheet = $1::text`, [sheet]);
  }
}
