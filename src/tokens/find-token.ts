import { timingSafeEqual } from 'node:crypto';
import type { Database } from '../postgres/queryable.ts';
import type { Scope } from './scopes.ts';
import { hashSecret, parseToken } from './token-text.ts';

/** Who has proven to be there. */
export interface Bearer {
  tokenId: string;
  scopes: Scope[];
  logPrefixes?: string[];
  actor: string;
  /** How long this stays so, in ms; absent: until it is revoked. */
  expiresInMs?: number;
}

export type Refusal = 'unknown' | 'expired' | 'revoked';

/** Found by its id, its secret compared in constant time: why one is refused is said only to who holds it. */
export async function findToken(db: Database, text: string): Promise<Bearer | Refusal> {
  const token = parseToken(text);
  if (token === undefined) {
    return 'unknown';
  }
  const { rows } = await db.query(`select ${bearerColumns}, t.hash from ${db.schema}.token t where t.id = $1`, [token.id]);
  const [row] = rows;
  if (row === undefined || !timingSafeEqual(row.hash, hashSecret(token.secret))) {
    return 'unknown';
  }
  return bearerOf(db, row);
}

/** Of `token t`. */
export const bearerColumns = `t.id, t.scopes, t.log_prefixes, t.actor, t.revoked_at is not null as is_revoked,
  extract(epoch from t.expires_at - clock_timestamp())::double precision * 1000 as expires_in_ms,
  t.last_used_at is null or t.last_used_at < clock_timestamp() - interval '1 minute' as is_used_anew`;

/** Notes the use, at most once a minute. */
// biome-ignore lint/suspicious/noExplicitAny: a row of bearerColumns
export async function bearerOf(db: Database, row: any): Promise<Bearer | Refusal> {
  if (row.is_revoked) return 'revoked';
  if (row.expires_in_ms !== null && row.expires_in_ms <= 0) return 'expired';
  if (row.is_used_anew) {
    await db.query(`update ${db.schema}.token set last_used_at = clock_timestamp() where id = $1`, [row.id]);
  }
  return {
    tokenId: row.id,
    scopes: row.scopes,
    ...(row.log_prefixes ? { logPrefixes: row.log_prefixes } : {}),
    actor: row.actor,
    ...(row.expires_in_ms === null ? {} : { expiresInMs: row.expires_in_ms }),
  };
}
