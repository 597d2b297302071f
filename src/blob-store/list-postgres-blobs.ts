import type { Database } from '../postgres/queryable.ts';
import type { BlobPath } from './postgres-blob-path.ts';

export interface BlobEntry {
  name: string;
  isDirectory: boolean;
}

/**
 * The first `limit` names of a directory after a name, in the order of their code points; none for a missing directory, or a blob.
 *
 * Directories are found by steps over the index: the first path that is further down, then the first one behind all of that, and so on. A page costs
 * what is on it, however much is below.
 */
export async function listPostgresBlobs(db: Database, path: BlobPath, after: string | undefined, limit: number): Promise<BlobEntry[]> {
  // chr(1) sorts behind a name and all that is below it: see endOf.
  const firstBehind = (place: string) => `(
    select case when n.directory[:$5::integer] = $1::text[] then n.directory[$5::integer + 1] end
    from (select b.directory from ${db.schema}.blob b where b.directory > ${place} order by b.directory limit 1) n
  )`;
  const { rows } = await db.query(
    `with recursive directories (name) as (
       select ${firstBehind('$2::text[]')}
       union all
       select ${firstBehind('$1::text[] || (d.name || chr(1))')} from directories d where d.name is not null
     )
     select name, is_directory from (
       (select b.name, false as is_directory from ${db.schema}.blob b
        where b.directory = $1::text[] and b.name > $3::text order by b.name limit $4::integer)
       union all
       (select d.name, true from directories d where d.name is not null limit $4::integer)
     ) found
     order by name limit $4::integer`,
    [path, after === undefined ? path : [...path, `${after}\u0001`], after ?? '', limit, path.length],
  );
  return rows.map((row) => ({ name: row.name, isDirectory: row.is_directory }));
}
