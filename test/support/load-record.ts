/**
 * What runs at once, as the database saw it each time something more began to run: written by triggers of the test, in the
 * transaction that changed it. A burst counts as its width.
 */
import type { TestDatabase } from './database.ts';

export interface LoadRecord {
  /** Most that ran at once in a group. */
  peak(group: string): Promise<number>;
  /** Most units that ran alone at once. */
  peakAlone(): Promise<number>;
  /** Most bursts of a workflow that were open at once. */
  peakBursts(): Promise<number>;
  clear(): Promise<void>;
}

export async function recordLoad(database: TestDatabase, burstWidth = 8): Promise<LoadRecord> {
  const { ownerPool } = database;
  await ownerPool.query(`
    create table public.load_record (group_name text, units integer, alone integer, bursts integer);
    create function public.record_load() returns trigger language plpgsql security definer as $$
    begin
      if exists (select 1 from changed where state in ('claimed', 'started')) then
        insert into public.load_record
        with running as (
          select w.group_name, w.workflow, w.burst_id, count(*)::integer as units
          from tidemark.work w where w.state in ('claimed', 'started') group by 1, 2, 3
        )
        select r.group_name,
          sum(case when r.burst_id is null then r.units else least(r.units, ${burstWidth}) end),
          (select sum(a.units) from running a where a.burst_id is null),
          (select max(b.bursts) from (select count(distinct burst_id) as bursts from running group by workflow) b)
        from running r group by r.group_name;
      end if;
      return null;
    end $$;
    create trigger record_load after update on tidemark.work referencing new table as changed for each statement execute function public.record_load()`);
  const peak = async (column: string, condition: string, values: unknown[] = []): Promise<number> => {
    const { rows } = await ownerPool.query(`select coalesce(max(${column}), 0) as peak from public.load_record where ${condition}`, values);
    return rows[0].peak;
  };
  return {
    peak: (group) => peak('units', 'group_name = $1', [group]),
    peakAlone: () => peak('alone', 'true'),
    peakBursts: () => peak('bursts', 'true'),
    clear: async () => void (await ownerPool.query('delete from public.load_record')),
  };
}
