/**
 * The snapshots of a log that its retention does not keep, and letting go of them: those of entries it holds, newest first, then those of entries that
 * are in its history.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { historyRoots } from '../history/history-references.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Retention } from './retention.ts';

const PAGE = 1_000;

/**
 * Sequence ids of entries whose snapshot is not kept, a page at a time, newest first. The newest snapshot is always kept, and of a log that was
 * truncated the oldest one: without the one nothing would be left to open the log with, without the other nothing between it and the next.
 */
export async function* snapshotsToDrop(db: Database, logId: string, isKept: Retention): AsyncGenerator<string[], void, undefined> {
  let before: string | null = null;
  for (;;) {
    const { rows }: { rows: { sequence_id: string; committed_at: Date; is_base: boolean }[] } = await db.query(
      `select e.sequence_id, e.committed_at, l.first_sequence_id > 0 and e.sequence_id = o.sequence_id as is_base
       from ${db.schema}.logs l join ${db.schema}.entries e on e.log_id = l.id
       cross join (select min(sequence_id) as sequence_id from ${db.schema}.entries where log_id = $1::text and snapshot is not null) o
       where l.id = $1::text and e.snapshot is not null and ($2::bigint is null or e.sequence_id < $2::bigint)
       order by e.sequence_id desc limit ${PAGE}`,
      [logId, before],
    );
    const dropped = rows.filter((row) => !isKept(row.committed_at) && !row.is_base).map((row) => row.sequence_id);
    if (dropped.length > 0) {
      yield dropped;
    }
    if (rows.length < PAGE) {
      return;
    }
    before = rows.at(-1)?.sequence_id ?? null;
  }
}

/** The entries stay as they are but for that. @returns how many had one */
export async function dropSnapshots(db: Database, logId: string, sequenceIds: readonly string[]): Promise<number> {
  const { rows } = await db.query(`select ${db.schema}.drop_snapshots($1::text, $2::bigint[]) as dropped`, [logId, sequenceIds]);
  return Number(rows[0].dropped);
}

/**
 * Roots of the archived snapshots that are kept, after all that the log itself holds: as of a log that was truncated, the oldest one also where the
 * history begins later than its log. They may be gone: a setting was raised, or a person has removed them.
 */
export async function* archivedToKeep(blobs: BlobDir, history: string, isKept: Retention): AsyncGenerator<string, void, undefined> {
  let passed: string | undefined;
  let start = 0n;
  for await (const { root } of historyRoots(blobs, history)) {
    start = root.start;
    for (const { blobId, committedAt } of root.snapshots.toReversed()) {
      const keep = isKept(committedAt === undefined ? undefined : new Date(committedAt));
      passed = keep ? undefined : blobId;
      if (keep) {
        yield blobId;
      }
    }
  }
  if (passed !== undefined && start > 0n) {
    yield passed;
  }
}
