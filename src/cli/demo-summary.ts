/** What the demo has made: for the end of its first screen. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { openBlobStore } from '../blob-store/open-blob-store.ts';
import { executionUrl } from '../execution-url.ts';
import { listWork } from '../work/list.ts';
import { DEMO_SHEET, type DemoValue } from './demo-import.ts';
import { shownDatabase } from './dev-screen.ts';
import { formatBytes, formatCount } from './print.ts';
import type { DatabaseContext } from './with-database.ts';

/** @param secondsSince of the whole first screen */
export async function summarizeDemo(
  { pool, db, targets }: DatabaseContext,
  { rows, cells }: DemoValue,
  seconds: number,
): Promise<string[]> {
  const counted = await db.query(
    `select count(*)::integer as entries, count(snapshot)::integer as snapshots, count(pending)::integer as pending
     from ${db.schema}.entries where log_id = $1::text`,
    [DEMO_SHEET],
  );
  const { entries, snapshots } = counted.rows[0];
  const written = await measure(await blobsOfLog(await openBlobStore(targets.blobs, { pool, schema: targets.schema }), DEMO_SHEET));
  const { units } = await listWork(db, { state: 'done' }, { limit: 1_000 });
  const execution = units.find(({ id }) => id.startsWith(`snapshot/${DEMO_SHEET}/`))?.execution;
  return [
    `rows       ${formatCount(rows)} (${formatCount(cells)} cells)`,
    `entries    ${formatCount(entries)}`,
    `snapshots  ${formatCount(snapshots)}`,
    `blobs      ${formatCount(written.blobs)}, ${formatBytes(written.bytes)}`,
    `seconds    ${seconds.toFixed(1)}`,
    '',
    ...(targets.uiUrl && execution
      ? ['One of the executions that took a snapshot:', executionUrl(targets.uiUrl, targets.temporal.namespace, execution), '']
      : []),
    'The database:',
    shownDatabase(targets.databaseUrl),
  ];
}

async function measure(dir: BlobDir): Promise<{ blobs: number; bytes: number }> {
  const sum = { blobs: 0, bytes: 0 };
  for (let continuation: string | undefined, more = true; more; ) {
    const page = await dir.query(continuation);
    for (const name of page.blobs) {
      sum.blobs += 1;
      sum.bytes += (await dir.readBlob(name)).byteLength;
    }
    for (const name of page.dirs) {
      const inner = await measure(await dir.getDir(name));
      sum.blobs += inner.blobs;
      sum.bytes += inner.bytes;
    }
    continuation = page.continuation;
    more = continuation !== undefined;
  }
  return sum;
}
