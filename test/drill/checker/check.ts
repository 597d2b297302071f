/**
 * The independent checker: plain SQL through pg, blobs through fs and zlib, folds of its own. Nothing in this folder imports the product,
 * so a fault of the product cannot hide here.
 *
 * It looks at an installation where nothing is running or asked for any more, and returns what does not hold:
 * 1. every log holds [first, next) without a gap; what it held before is in drill.removed_entry
 * 2. every acknowledged append is there once, whole, with its content
 * 3. every snapshot equals the fold of its log strictly before its entry
 *    (where garbage has been collected, one whose entry has left the log may be gone, as a whole)
 * 4. every history joins, and holds what its log held; what a compaction has removed is in one
 * 5. where garbage has been collected: every blob of a log belongs to one of these
 * 6. what was erased is so in the log, its history and its snapshots, and the values are nowhere
 * 7. no entry is pending, no unit waiting, ready, claimed, started or dead
 * 8. every epoch of a unit that completed did so once, and cleared its entry once; what was asked for n times ended n times
 * and what check-messages.ts says of messages, and check-changes.ts of changes of rows.
 */
import pg from 'pg';
import { type AppendRecord, readAcknowledged } from './acknowledged.ts';
import { type CheckedChanges, checkChanges } from './check-changes.ts';
import { checkLog } from './check-log.ts';
import { type CheckedMessages, checkMessages } from './check-messages.ts';
import { checkWork } from './check-work.ts';

export interface CheckOptions {
  /** A role that may read the schemas tidemark and drill. */
  connectionString: string;
  blobsDir: string;
  acknowledgedFile: string;
  publishedFile: string;
  /** Garbage has been collected without a grace period, after all else had ended. */
  collected?: boolean;
}

export interface CheckedCounts extends CheckedMessages, CheckedChanges {
  logs: number;
  entries: number;
  /** Of them truncated away. */
  removedEntries: number;
  /** Of them, or of those still held, in histories. */
  archivedEntries: number;
  /** Values that were erased, and looked for everywhere. */
  erasedSecrets: number;
  acknowledgedAppends: number;
  snapshots: number;
  completions: number;
}

export async function checkDrill({
  connectionString,
  blobsDir,
  acknowledgedFile,
  publishedFile,
  collected = false,
}: CheckOptions): Promise<{ findings: string[]; checked: CheckedCounts }> {
  const findings: string[] = [];
  const find = (finding: string) => findings.push(finding);
  const checked: CheckedCounts = {
    logs: 0,
    entries: 0,
    removedEntries: 0,
    archivedEntries: 0,
    erasedSecrets: 0,
    acknowledgedAppends: 0,
    snapshots: 0,
    completions: 0,
    ...{ messages: 0, inOrder: 0, deliveries: 0, deaths: 0, changes: 0, changesHandled: 0 },
  };
  const records = await readAcknowledged(acknowledgedFile);
  const byLog = new Map<string, AppendRecord[]>();
  for (const record of records) {
    byLog.set(record.log, [...(byLog.get(record.log) ?? []), record]);
    checked.acknowledgedAppends += record.outcome === 'acknowledged' ? 1 : 0;
  }
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows: logs } = await client.query(
      'select id, type, first_sequence_id::text as first, next_sequence_id::text as next from tidemark.logs order by id',
    );
    for (const log of logs) {
      await checkLog({ client, blobsDir, log, records: byLog.get(log.id) ?? [], collected, find, checked });
      byLog.delete(log.id);
      checked.logs += 1;
    }
    for (const [log, lost] of byLog) find(`log ${log} is gone, and with it ${lost.length} appends`);
    checked.completions = await checkWork(client, find);
    Object.assign(checked, await checkMessages(client, publishedFile, find), await checkChanges(client, find));
  } finally {
    await client.end();
  }
  return { findings, checked };
}
