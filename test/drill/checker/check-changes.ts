/**
 * Changes of rows, as the triggers of the drill recorded them:
 * 1. each that was committed is a message once, and nothing else is
 * 2. the messages of a row are in the order of its changes, and end with the row as it is
 * 3. each that a worker wants was handled once, those of a row in their order
 */
import type pg from 'pg';

export interface CheckedChanges {
  changes: number;
  changesHandled: number;
}

const STORED = `(select m.id as number, split_part(m.topic, '.', 3) as table_name, m.data ->> 'op' as op, (m.data -> 'key' ->> 'id')::integer as id,
  (m.data -> 'after' ->> 'v')::integer as v from tidemark.message m where m.topic like 'changes.%')`;
const HANDLED = `(select number, 'watched' as table_name, op, id, v from drill.change_handled)`;
const ROWS = `(select 'watched' as table_name, id, v from drill.watched union all select 'stored', id, v from drill.stored)`;

/** How often each of them is there, where that is not the same. */
const countedOtherwise = (seen: string, recorded: string) => `
  select coalesce(r.table_name, s.table_name) as table_name, coalesce(r.op, s.op) as op, coalesce(r.id, s.id) as id,
    coalesce(r.times, 0) as recorded, coalesce(s.times, 0) as seen
  from (select table_name, op, id, coalesce(v, -1) as v, count(*) as times from ${recorded} c group by 1, 2, 3, 4) r
  full join (select table_name, op, id, coalesce(v, -1) as v, count(*) as times from ${seen} c group by 1, 2, 3, 4) s
    on s.table_name = r.table_name and s.op = r.op and s.id = r.id and s.v = r.v
  where r.times is distinct from s.times order by 1, 3, 2`;

/** Created first, each update one further, deleted last. */
const outOfOrder = (seen: string) => `
  select * from (
    select table_name, id, number, op, v, lag(op) over behind as op_before, lag(v) over behind as v_before
    from ${seen} c window behind as (partition by table_name, id order by number)) o
  where (op = 'c') <> (op_before is null) or op_before = 'd' or op = 'u' and v <> v_before + 1 order by 1, 2, 3`;

export async function checkChanges(client: pg.Client, find: (finding: string) => void): Promise<CheckedChanges> {
  const list = async (sql: string, describe: (row: Record<string, unknown>) => string) => {
    for (const row of (await client.query(sql)).rows) find(describe(row));
  };
  await list(
    countedOtherwise(STORED, 'drill.changed'),
    ({ table_name, op, id, recorded, seen }) =>
      `change ${op} of ${table_name} ${id} was committed ${recorded} times, and is stored ${seen} times`,
  );
  await list(
    countedOtherwise(HANDLED, `(select * from drill.changed where table_name = 'watched')`),
    ({ table_name, op, id, recorded, seen }) =>
      `change ${op} of ${table_name} ${id} was committed ${recorded} times, and was handled ${seen} times`,
  );
  for (const [seen, done] of [
    [STORED, 'stored'],
    [HANDLED, 'handled'],
  ] as const) {
    await list(
      outOfOrder(seen),
      ({ table_name, op, id, v, op_before, v_before }) =>
        `change ${op} (${v}) of ${table_name} ${id} was ${done} after ${op_before ?? 'none'} (${v_before})`,
    );
  }
  await list(
    `select coalesce(t.table_name, s.table_name) as table_name, coalesce(t.id, s.id) as id, t.v as there, s.v as last
     from ${ROWS} t
     full join (
       select * from (select distinct on (table_name, id) table_name, id, op, v from ${STORED} c order by table_name, id, number desc) l where op <> 'd') s
       on s.table_name = t.table_name and s.id = t.id
     where t.v is distinct from s.v order by 1, 2`,
    ({ table_name, id, there, last }) => `${table_name} ${id} is ${there ?? 'not there'}, and by its last change ${last ?? 'not there'}`,
  );
  const { rows } = await client.query(
    `select (select count(*)::integer from drill.changed) as changes, (select count(*)::integer from drill.change_handled) as handled`,
  );
  return { changes: rows[0].changes, changesHandled: rows[0].handled };
}
