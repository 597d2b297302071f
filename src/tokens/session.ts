/**
 * Sessions: what a browser holds in place of a token. A random secret in a cookie, of which the database knows the SHA-256; it ends with its token, when it is
 * signed out, or after half a day. One that has run out is removed by the next one that begins. Of one token the newest 100 live: another one ends the oldest.
 */
import type { Database } from '../postgres/queryable.ts';
import { type Bearer, bearerColumns, bearerOf, type Refusal } from './find-token.ts';
import { hashSecret, newSecret } from './token-text.ts';

export interface NewSession {
  secret: string;
  expiresInMs: number;
}

const SESSION_MS = 12 * 3_600_000;
const MOST_OF_A_TOKEN = 100;

/** @param bearer whose token was just found */
export async function beginSession(db: Database, { tokenId, expiresInMs = SESSION_MS }: Bearer): Promise<NewSession> {
  const secret = newSecret();
  const lastsMs = Math.min(SESSION_MS, expiresInMs);
  await db.query(
    `with gone as (delete from ${db.schema}.session where expires_at <= clock_timestamp()), oldest as (
      delete from ${db.schema}.session where hash in (
        select s.hash from ${db.schema}.session s where s.token_id = $2 and s.expires_at > clock_timestamp()
        order by s.created_at desc, s.hash offset ${MOST_OF_A_TOKEN - 1}))
    insert into ${db.schema}.session (hash, token_id, expires_at) values ($1, $2, clock_timestamp() + $3::double precision * interval '1 millisecond')`,
    [hashSecret(secret), tokenId, lastsMs],
  );
  return { secret, expiresInMs: lastsMs };
}

/** What its token allows. */
export async function findSession(db: Database, secret: string): Promise<Bearer | Refusal> {
  const { rows } = await db.query(
    `select ${bearerColumns}, extract(epoch from s.expires_at - clock_timestamp())::double precision * 1000 as session_ms
    from ${db.schema}.session s join ${db.schema}.token t on t.id = s.token_id where s.hash = $1`,
    [hashSecret(secret)],
  );
  const [row] = rows;
  if (row === undefined) return 'unknown';
  if (row.session_ms <= 0) return 'expired';
  const bearer = await bearerOf(db, row);
  return typeof bearer === 'string' ? bearer : { ...bearer, expiresInMs: Math.min(row.session_ms, bearer.expiresInMs ?? row.session_ms) };
}

/** Harmless for one that is over. */
export async function endSession(db: Database, secret: string): Promise<void> {
  await db.query(`delete from ${db.schema}.session where hash = $1`, [hashSecret(secret)]);
}
