/**
 * A sheet written one cell an entry, in its order, by one writer that waits for each; a worker's work beside it: a snapshot is taken whenever the
 * policy asks for one (every hundred entries), in this process.
 */
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import { countWrites } from '../../src/snapshots/counting-dir.ts';
import { snapshotHandler } from '../../src/snapshots/snapshot-work.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { runClaimable } from '../../src/testing/run-here.ts';
import { findHandlers } from '../../src/work/unit.ts';
import { DENSE_COLUMNS, denseLog } from './dense-sheet.ts';
import { cellEntry, numberOf } from './sized-sheet.ts';

const SNAPSHOT_EVERY = 100;

export interface Edited {
  snapshots: number;
  bytesWritten: number;
}

export async function editSheet(pool: Pool, folder: string, edits: number): Promise<Edited> {
  const written = { blobs: 0, bytes: 0 };
  const store = createDirectoryBlobStore({ path: folder });
  const blobs = { getRootDir: async () => countWrites(await store.getRootDir(), written) };
  const schema = 'tidemark';
  const logId = `edited-${edits}`;
  await createLog(inSchema(pool, schema), { id: logId, type: 'sheet', snapshotEvery: SNAPSHOT_EVERY });
  const options = {
    pool,
    schema,
    handlerOf: findHandlers([snapshotHandler(new Map([['sheet', sheet]]), { pool, schema, blobs, cache: createSnapshotCache() })]),
    signal: new AbortController().signal,
  };
  const log = denseLog(pool, logId);
  let snapshots = 0;
  for (let edit = 0; edit < edits; edit += 1) {
    await log.addEntry(cellEntry(Math.floor(edit / DENSE_COLUMNS), edit % DENSE_COLUMNS, numberOf(edit)), BigInt(edit));
    if ((edit + 1) % SNAPSHOT_EVERY === 0) {
      snapshots += await runClaimable(options);
    }
  }
  if (snapshots < edits / SNAPSHOT_EVERY - 1) {
    throw new Error(`Only ${snapshots} snapshots were taken.`);
  }
  return { snapshots, bytesWritten: written.bytes };
}
