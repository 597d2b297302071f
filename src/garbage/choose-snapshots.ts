/** The snapshots of a log that its retention does not keep, and letting go of them. */
import type { Database } from '../postgres/queryable.ts';
import { createRetention, type RetentionPolicy } from './retention.ts';

const PAGE = 1_000;

/**
 * Sequence ids of entries whose snapshot is not kept, a page at a time, newest first. The newest snapshot and that of the first entry held always are
 * kept: behind the one nothing would be left to open the log with, before the other its entries are gone.
 */
export async function* snapshotsToDrop(
  db: Database,
  logId: string,
  policy: RetentionPolicy,
  now: Date,
): AsyncGenerator<string[], void, undefined> {
  const isKept = createRetention(policy, now);
  let before: string | null = null;
  for (;;) {
    const { rows }: { rows: { sequence_id: string; committed_at: Date; is_first: boolean }[] } = await db.query(
      `select e.sequence_id, e.committed_at, e.sequence_id = l.first_sequence_id as is_first
       from ${db.schema}.logs l join ${db.schema}.entries e on e.log_id = l.id
       where l.id = $1::text and e.snapshot is not null and ($2::bigint is null or e.sequence_id < $2::bigint)
       order by e.sequence_id desc limit ${PAGE}`,
      [logId, before],
    );
    const dropped = rows.filter((row) => !isKept(row.committed_at) && !row.is_first).map((row) => row.sequence_id);
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
