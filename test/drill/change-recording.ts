/** Tables whose rows are changed all the time during a drill, and what is recorded of them: each change, by a trigger of its transaction; what a worker gets, by its handler. */
import type { Queryable } from '../../src/postgres/queryable.ts';

/** As superuser, once, after `installRecording`. */
export async function installChangeRecording(owner: Queryable): Promise<void> {
  await owner.query(CHANGE_RECORDING);
}

const CHANGE_RECORDING = `
-- watched: a worker handles each change. stored: changes are messages, and nobody's work.
create table drill.watched (id integer generated always as identity primary key, v integer not null default 0, pad text);
create table drill.stored (like drill.watched including all);
create table drill.changed (table_name text, op text, id integer, v integer);
create function drill.record_changed() returns trigger language plpgsql security definer as $$
begin
  insert into drill.changed (table_name, op, id, v)
  select tg_table_name, case tg_op when 'INSERT' then 'c' when 'UPDATE' then 'u' else 'd' end, r.id, case when tg_op <> 'DELETE' then r.v end from changed_rows r;
  return null;
end
$$;
do $$
declare
  v_table text;
begin
  foreach v_table in array array['watched', 'stored'] loop
    execute format($trigger$
      create trigger drill_inserted after insert on drill.%1$I referencing new table as changed_rows for each statement execute function drill.record_changed();
      create trigger drill_updated after update on drill.%1$I referencing new table as changed_rows for each statement execute function drill.record_changed();
      create trigger drill_deleted after delete on drill.%1$I referencing old table as changed_rows for each statement execute function drill.record_changed();
    $trigger$, v_table);
  end loop;
end
$$;

-- In the transaction of the delivery's end. number: no two of one row overlap, so theirs follow the order of the handling.
create table drill.change_handled (number bigint generated always as identity, op text, id integer, v integer);
`;

/** What an application of the drill writes. */
export const CHANGE_GRANTS = `
grant select, insert, update, delete on drill.watched, drill.stored to public;
grant insert on drill.change_handled to public;
`;
