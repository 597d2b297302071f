/** Every entry that a log ever held, in order: those truncated away from the record of the drill, the others from the log. */
import type pg from 'pg';

export interface StoredEntry {
  sequenceId: bigint;
  type: string;
  data: Record<string, unknown>;
  snapshot: string | null;
  pending: string | null;
  correlationId: string | null;
  isRemoved: boolean;
}

const PAGE = 500;

export async function* readStoredEntries(client: pg.Client, logId: string): AsyncGenerator<StoredEntry> {
  // Both tables from their own indexes, each a page: an entry that is in both comes twice.
  let after: [string, boolean] = ['-1', false];
  for (;;) {
    const { rows } = await client.query(
      `select sequence_id::text as sequence_id, type, data::text as data, snapshot, pending, correlation_id, removed from (
         (select sequence_id, type, data, snapshot, pending, correlation_id, true as removed from drill.removed_entry
          where log_id = $1 and (sequence_id, true) > ($2::bigint, $3::boolean) order by sequence_id limit ${PAGE})
         union all
         (select sequence_id, type, data, snapshot, pending, correlation_id, false from tidemark.entries
          where log_id = $1 and (sequence_id, false) > ($2::bigint, $3::boolean) order by sequence_id limit ${PAGE})
       ) e order by e.sequence_id, e.removed limit ${PAGE}`,
      [logId, after[0], after[1]],
    );
    for (const row of rows) {
      yield {
        sequenceId: BigInt(row.sequence_id),
        type: row.type,
        data: JSON.parse(row.data),
        snapshot: row.snapshot,
        pending: row.pending,
        correlationId: row.correlation_id,
        isRemoved: row.removed,
      };
    }
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return;
    after = [last.sequence_id, last.removed];
  }
}
