/**
 * How many units ended when, and how long they took from being asked for: those in `work`, and those that were pruned, redriven or discarded since
 * (`work_tally`). Each end counts once. Kept for a day.
 */
import type { Database } from '../postgres/queryable.ts';
import { selectionSql } from './select.ts';

export interface ThroughputBucket {
  /** Its beginning. */
  at: Date;
  group: string;
  done: number;
  dead: number;
  /** Of done units, from being asked for to the end, within a tenth; absent where none was done. */
  p50Ms?: number;
  p95Ms?: number;
}

export interface Throughput {
  bucketMs: number;
  /** In the order of time and group; only those in which something ended. */
  buckets: ThroughputBucket[];
}

export interface ThroughputOptions {
  /** Up to now; at most 1,440. */
  minutes: number;
  group?: string | undefined;
  /** Only units of logs whose ids begin so: those that are still in `work`, because a tally knows no logs. */
  logPrefixes?: readonly string[] | undefined;
}

/** Buckets in an answer, at most. */
const MOST_BUCKETS = 120;
const WIDTHS_MINUTES = [1, 2, 5, 10, 15];

export async function workThroughput(db: Database, { minutes, group, logPrefixes }: ThroughputOptions): Promise<Throughput> {
  const width = WIDTHS_MINUTES.find((each) => minutes / each <= MOST_BUCKETS) ?? 15;
  const { condition, values } = selectionSql({ ...(group === undefined ? {} : { group }), ...(logPrefixes ? { logPrefixes } : {}) });
  const bind = (value: unknown) => `$${values.push(value)}`;
  const bin = (time: string) => `date_bin(${width} * interval '1 minute', ${time}, timestamptz '2000-01-01 00:00:00+00')`;
  const { rows } = await db.query(
    `with bounds as materialized (
       select ${bin(`clock_timestamp() - ${bind(minutes - width)}::integer * interval '1 minute'`)} as start
     )
     select at, group_name, state, bucket, sum(units)::integer as units
     from (
       select ${bin('w.finished_at')} as at, w.group_name, w.state, ${db.schema}.duration_bucket(w.created_at, w.finished_at) as bucket, count(*) as units
       from ${db.schema}.work_group g
       cross join bounds b
       cross join lateral (
         select w.* from ${db.schema}.work w
         where w.group_name = g.name and w.state = 'done' and w.finished_at >= b.start
         union all
         select w.* from ${db.schema}.work w where w.group_name = g.name and w.state = 'dead' and w.finished_at >= b.start
       ) w
       where ${condition} group by 1, 2, 3, 4
       union all
       select ${bin('t.minute')}, t.group_name, t.state, t.bucket, sum(t.units)
       from bounds b join ${db.schema}.work_tally t on t.minute >= b.start
       where ${logPrefixes ? 'false' : 'true'} and (${bind(group ?? null)}::text is null or t.group_name = $${values.length}::text)
       group by 1, 2, 3, 4
     ) ended
     group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
    values,
  );
  return { bucketMs: width * 60_000, buckets: collect(rows) };
}

interface Row {
  at: Date;
  group_name: string;
  state: 'done' | 'dead';
  bucket: number;
  units: number;
}

/** Rows of one time and group stand together, those of one state in the order of their durations. */
function collect(rows: readonly Row[]): ThroughputBucket[] {
  const buckets: ThroughputBucket[] = [];
  for (let at = 0; at < rows.length; ) {
    const first = rows[at] as Row;
    const same: Row[] = [];
    for (; at < rows.length && rows[at]?.at.getTime() === first.at.getTime() && rows[at]?.group_name === first.group_name; at += 1) {
      same.push(rows[at] as Row);
    }
    const done = same.filter(({ state }) => state === 'done');
    const sum = (of: readonly Row[]) => of.reduce((total, { units }) => total + units, 0);
    buckets.push({
      at: first.at,
      group: first.group_name,
      done: sum(done),
      dead: sum(same) - sum(done),
      ...(done.length === 0 ? {} : { p50Ms: quantile(done, sum(done), 0.5), p95Ms: quantile(done, sum(done), 0.95) }),
    });
  }
  return buckets;
}

/** The middle of the bucket in which it is: see `duration_bucket` in the migrations. */
function quantile(done: readonly Row[], total: number, q: number): number {
  let before = 0;
  for (const { bucket, units } of done) {
    before += units;
    if (before >= total * q) {
      return Math.round(2 ** ((bucket - 0.5) / 4));
    }
  }
  return 0;
}
