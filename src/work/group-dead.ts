/** Dead units by their errors: what a person decides about at once. */
import type { Database } from '../postgres/queryable.ts';
import { selectionSql, type WorkSelection } from './select.ts';

export interface DeadGroup {
  /** The same for errors of one code whose messages differ only in numbers, ids, hashes, paths and quoted text. */
  fingerprint: string;
  code: string;
  /** Of the newest of them. */
  message: string;
  units: number;
  groups: string[];
  /** When the first and the last of them died. */
  oldestAt: Date;
  newestAt: Date;
}

/** Largest first. @param limit groups, default 100 */
export async function groupDeadWork(db: Database, selection: Omit<WorkSelection, 'state'> = {}, limit = 100): Promise<DeadGroup[]> {
  const { condition, values } = selectionSql({ ...selection, state: 'dead' });
  const { rows } = await db.query(
    `select d.error_fingerprint as fingerprint, coalesce(n.error ->> 'code', 'unknown') as code, coalesce(n.error ->> 'message', '') as message,
       d.units, d.groups, d.oldest_at, d.newest_at
     from (
       -- By group first: sorting out which groups there are would take longer than all the rest.
       select g.error_fingerprint, sum(g.units)::integer as units, array_agg(g.group_name order by g.group_name) as groups,
         min(g.oldest_at) as oldest_at, max(g.newest_at) as newest_at
       from (
         select w.error_fingerprint, w.group_name, count(*) as units, min(w.finished_at) as oldest_at, max(w.finished_at) as newest_at
         from ${db.schema}.work w where ${condition} group by 1, 2
       ) g
       group by 1 order by 2 desc, 1 limit $${values.push(limit)}::integer
     ) d
     left join lateral (
       -- The selection again: a message is shown to those who may see its unit.
       select w.error from ${db.schema}.work w
       where ${condition} and w.error_fingerprint = d.error_fingerprint order by w.finished_at desc limit 1
     ) n on true
     order by d.units desc, d.error_fingerprint`,
    values,
  );
  return rows.map(({ oldest_at: oldestAt, newest_at: newestAt, ...row }) => ({ ...row, oldestAt, newestAt }));
}
