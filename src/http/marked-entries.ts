/** Entries that have metadata, and whether any of them has changed: a few of a log's many, found by the indexes of those alone. */
import type { SequenceId } from '../event-log/event-log.ts';
import type { Database } from '../postgres/queryable.ts';

export interface MarkedEntries {
  /** Metadata as the fields of a JSON object, `"pending":"…"`; oldest first. */
  marks: Map<SequenceId, string>;
  /** False: there are older ones. */
  isComplete: boolean;
}

/** The newest of them. */
const MAX_MARKS = 1_000;

export async function readMarkedEntries(db: Database, logId: string, before: SequenceId): Promise<MarkedEntries> {
  const newest = (column: string) =>
    `(select sequence_id, snapshot, history, pending from ${db.schema}.entries
      where log_id = $1::text and sequence_id < $2::bigint and ${column} is not null order by sequence_id desc limit ${MAX_MARKS + 1})`;
  const { rows } = await db.query(
    `select * from (${newest('pending')} union ${newest('snapshot')} union ${newest('history')}) m
     order by sequence_id desc limit ${MAX_MARKS + 1}`,
    [logId, before.toString()],
  );
  const marks = rows.slice(0, MAX_MARKS).reverse();
  return {
    marks: new Map(marks.map(({ sequence_id: id, snapshot, history, pending }) => [BigInt(id), fieldsOf({ snapshot, history, pending })])),
    isComplete: rows.length <= MAX_MARKS,
  };
}

/** Of a JSON object, without its braces. */
export function fieldsOf(metadata: object): string {
  return JSON.stringify(metadata, (_, value) => value ?? undefined).slice(1, -1);
}

export interface LogState {
  next: SequenceId;
  /** Differs where the metadata of an entry does. */
  digest: string;
}

/** Of all these logs in one round trip; of those that are there. */
export async function readLogStates(db: Database, logIds: readonly string[]): Promise<ReadonlyMap<string, LogState>> {
  const digest = (column: string) =>
    `(select count(*) || ' ' || coalesce(sum(hashtextextended(e.${column}, e.sequence_id)), 0)
      from ${db.schema}.entries e where e.log_id = l.id and e.${column} is not null)`;
  const { rows } = await db.query(
    `select l.id, l.next_sequence_id, ${digest('pending')} || ' ' || ${digest('snapshot')} || ' ' || ${digest('history')} as digest
     from ${db.schema}.logs l where l.id = any ($1::text[])`,
    [logIds],
  );
  return new Map(rows.map((row) => [row.id, { next: BigInt(row.next_sequence_id), digest: row.digest }]));
}
