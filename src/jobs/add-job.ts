import type { Database } from '../postgres/queryable.ts';
import { JOB_WORKFLOW, workIdOf } from './job-id.ts';

export interface AddJobOptions {
  name: string;
  /** Of this one: the same twice is one unit. */
  id: string;
  input?: unknown;
}

/** Adds the unit `job/<name>/<id>`; a group that is made for it runs one at a time. @returns 'exists' where it has been added before */
export async function addJob(db: Database, { name, id, input }: AddJobOptions): Promise<'added' | 'exists'> {
  await db.query(`insert into ${db.schema}.work_group (name, cap) values ($1::text, 1) on conflict (name) do nothing`, [name]);
  const { rows } = await db.query(
    `select case
       when exists (select 1 from ${db.schema}.work where id = $1::text) then 'exists'
       else ${db.schema}.add_work($1::text, $2::text, $3::text, p_input => $4::json)
     end as answer`,
    [workIdOf({ name, id }), JOB_WORKFLOW, name, input === undefined ? null : JSON.stringify(input)],
  );
  return rows[0].answer;
}
