/** A sheet whose cells were written one entry each, without a gap, 100 cells a row, whole numbers from 0 to 999,999 at random; and its snapshots. */

import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import type { BenchDatabase } from './environment.ts';

export const DENSE_COLUMNS = 100;
/** As the worker reads. */
const PAGE_SIZE = 10_000;

/** The log holds one more entry than `cells`, for a snapshot of `cells` cells to stand on. */
export async function fillDenseSheet({ owner }: BenchDatabase, logId: string, cells: number): Promise<void> {
  await owner.query(`insert into tidemark.logs (id, type, next_sequence_id) values ($1, 'sheet', $2::bigint + 1)`, [logId, cells]);
  await owner.query(
    `insert into tidemark.entries (log_id, sequence_id, type, data)
     select $1, cell, 'SetCellValueAndFormat',
       json_build_object('row', cell / $3::integer, 'column', cell % $3::integer, 'value', (hashint8(cell) & 2147483647) % 1000000)
     from generate_series(0, $2::bigint) cell`,
    [logId, cells, DENSE_COLUMNS],
  );
  await owner.query('vacuum analyze tidemark.entries');
  await owner.query('checkpoint');
}

export function denseLog(pool: Pool, logId: string): SheetLog {
  return createPostgresEventLog({ pool, logId, pageSize: PAGE_SIZE });
}

export async function blobDirIn(path: string, logId: string): Promise<BlobDir> {
  return (await createDirectoryBlobStore({ path }).getRootDir()).getDir(logId);
}

/** A snapshot before entry `cells`, set on that entry. @returns bytes written */
export async function snapshotDenseSheet(pool: Pool, blobs: BlobDir, logId: string, cells: bigint): Promise<number> {
  const log = denseLog(pool, logId);
  let bytes = 0;
  const snapshot = await takeSnapshot({
    log,
    blobs,
    logType: sheet,
    sequenceId: cells,
    onFinish: ({ bytesWritten }) => {
      bytes = bytesWritten;
    },
  });
  await log.setMetadata(cells, { snapshot });
  return bytes;
}

/** The same rows, read and parsed, a page at a time, and nothing done with them. */
export async function readDenseSheet(pool: Pool, logId: string, cells: number): Promise<void> {
  for (let start = 0; start < cells; start += PAGE_SIZE) {
    const { rows } = await pool.query(
      `select sequence_id, type, data from tidemark.entries
       where log_id = $1 and sequence_id >= $2 and sequence_id < $3 order by sequence_id`,
      [logId, start, Math.min(start + PAGE_SIZE, cells)],
    );
    if (rows.length === 0) {
      throw new Error(`Log '${logId}' has fewer than ${cells} entries.`);
    }
  }
}
