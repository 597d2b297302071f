/** The same work with nothing around it: read, fold, write, and a compare-and-set on the entry. */
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import type { BenchDatabase } from './environment.ts';

export async function plainSnapshot({ pool }: BenchDatabase, blobs: BlobStore, logId: string, sequenceId: bigint): Promise<void> {
  const snapshot = await takeSnapshot({
    log: createPostgresEventLog({ pool, logId, pageSize: 10_000 }),
    blobs: await (await blobs.getRootDir()).getDir(logId),
    logType: sheet,
    sequenceId,
  });
  await pool.query(
    `update tidemark.entries set snapshot = $3, pending = null where log_id = $1 and sequence_id = $2 and pending = 'snapshot'`,
    [logId, sequenceId.toString(), snapshot],
  );
}
