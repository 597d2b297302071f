import type { Database } from '../postgres/queryable.ts';

/** Names the workflows that workers of this installation can run: only these may stand in `pending`, only these are claimed. */
export async function registerWorkflows(db: Database, names: readonly string[]): Promise<void> {
  await db.query(`insert into ${db.schema}.workflow_name (name) select unnest($1::text[]) on conflict (name) do nothing`, [names]);
}

/** The short random id that begins every execution's id; made by the first migration. */
export async function installationId(db: Database): Promise<string> {
  const { rows } = await db.query(`select id from ${db.schema}.installation`);
  return rows[0].id;
}
