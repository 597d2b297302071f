import type { Database } from '../postgres/queryable.ts';

export interface RevokeTokenValue {
  id: string;
  name: string;
  /** Sessions that ended with it. */
  sessions: number;
}

/**
 * A token and its sessions are refused from now on; a server that has asked in the last seconds, from then on.
 * @param idOrName ids and names are told apart by looking: an id goes before a name
 * @returns undefined where no token that is not revoked has this id or name
 */
export async function revokeToken(db: Database, idOrName: string): Promise<RevokeTokenValue | undefined> {
  const { rows } = await db.query(
    `with revoked as (
      update ${db.schema}.token t set revoked_at = clock_timestamp()
      where t.revoked_at is null and t.id = (
        select n.id from ${db.schema}.token n where n.revoked_at is null and (n.id = $1 or n.name = $1) order by (n.id = $1) desc limit 1)
      returning t.id, t.name
    ), ended as (
      delete from ${db.schema}.session s using revoked r where s.token_id = r.id returning s.hash
    )
    select r.id, r.name, (select count(*)::integer from ended) as sessions from revoked r`,
    [idOrName],
  );
  return rows[0];
}
