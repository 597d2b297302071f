import type { Database } from '../postgres/queryable.ts';

/** A paused group starts nothing more; what runs, ends. Its units wait. @returns false where there is no such group */
export async function pauseGroup(db: Database, group: string, paused: boolean): Promise<boolean> {
  const { rows } = await db.query(`update ${db.schema}.work_group set paused = $2::boolean where name = $1::text returning name`, [
    group,
    paused,
  ]);
  return rows.length > 0;
}
