import type { Database } from '../postgres/queryable.ts';

/** What has been listed together: names that something refers to, and names that nothing does. */
export interface ListedNames {
  referenced: readonly string[];
  unreferenced: readonly string[];
}

/** Marks what nothing refers to, from now on where it was not marked before; what is referred to again loses its mark. */
export async function markGarbage(db: Database, logId: string, { referenced, unreferenced }: ListedNames): Promise<void> {
  await db.query(
    `with unmarked as (
       delete from ${db.schema}.blob_garbage g where g.log_id = $1::text and g.name = any ($2::text[])
     )
     insert into ${db.schema}.blob_garbage (log_id, name) select $1::text, n from unnest($3::text[]) n order by n
     on conflict (log_id, name) do nothing`,
    [logId, referenced, unreferenced],
  );
}

/** Of names that nothing refers to: how many have been marked for so long that they could be removed now. */
export async function countRemovable(db: Database, logId: string, names: readonly string[], graceMs: number): Promise<number> {
  const { rows } = await db.query(
    `select count(*)::integer as removable from ${db.schema}.blob_garbage
     where log_id = $1::text and name = any ($2::text[]) and since <= clock_timestamp() - $3::float8 * interval '1 millisecond'`,
    [logId, names, graceMs],
  );
  return rows[0].removable;
}
