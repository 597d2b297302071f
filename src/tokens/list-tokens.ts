import type { Database } from '../postgres/queryable.ts';
import type { Scope } from './scopes.ts';

export interface TokenInfo {
  id: string;
  name: string;
  scopes: Scope[];
  /** Absent: all logs. */
  logPrefixes?: string[];
  actor: string;
  state: 'valid' | 'expired' | 'revoked';
  createdAt: Date;
  expiresAt?: Date;
  revokedAt?: Date;
  /** To the minute; absent: never. */
  lastUsedAt?: Date;
  /** Browsers that are signed in with it. */
  sessions: number;
}

/** Newest first. @param all also those that are revoked or expired */
export async function listTokens(db: Database, { all = false }: { all?: boolean } = {}): Promise<TokenInfo[]> {
  const { rows } = await db.query(
    `select t.id, t.name, t.scopes, t.log_prefixes, t.actor, t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
      case when t.revoked_at is not null then 'revoked' when t.expires_at <= clock_timestamp() then 'expired' else 'valid' end as state,
      (select count(*)::integer from ${db.schema}.session s where s.token_id = t.id and s.expires_at > clock_timestamp()) as sessions
    from ${db.schema}.token t
    where $1::boolean or (t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp()))
    order by t.created_at desc, t.id`,
    [all],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    ...(row.log_prefixes ? { logPrefixes: row.log_prefixes } : {}),
    actor: row.actor,
    state: row.state,
    createdAt: row.created_at,
    ...(row.expires_at ? { expiresAt: row.expires_at } : {}),
    ...(row.revoked_at ? { revokedAt: row.revoked_at } : {}),
    ...(row.last_used_at ? { lastUsedAt: row.last_used_at } : {}),
    sessions: row.sessions,
  }));
}
