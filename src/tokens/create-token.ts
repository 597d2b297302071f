import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { SCOPES, type Scope } from './scopes.ts';
import { formatToken, hashSecret, newTokenText } from './token-text.ts';

export interface CreateTokenOptions {
  /** What people call it: 1 to 100 characters, once among those that are not revoked. */
  name: string;
  scopes: readonly Scope[];
  /** Only logs whose ids begin with one of these; absent: all. */
  logPrefixes?: readonly string[] | undefined;
  /** Who its bearer is, kept with what they write. Default: the name. */
  actor?: string | undefined;
  /** From now, in ms; absent: it never expires. */
  expiresInMs?: number | undefined;
}

export interface CreateTokenValue {
  id: string;
  /** The token itself: here, once, and nowhere else. */
  token: string;
  expiresAt?: Date;
}

const LOG_PREFIX = /^[a-z0-9][a-z0-9._-]{0,99}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const LABEL = /^[^\u0000-\u001f\u007f]{1,100}$/;

/** @throws InvalidInputError, also where a token of that name is in use */
export async function createToken(db: Database, { name, actor = name, ...options }: CreateTokenOptions): Promise<CreateTokenValue> {
  const { scopes, logPrefixes, expiresInMs } = options;
  for (const [what, text] of Object.entries({ name, actor })) {
    if (!LABEL.test(text)) {
      throw new InvalidInputError(
        `The ${what} of a token has 1 to 100 characters and no control characters; '${text.slice(0, 120)}' does not.`,
      );
    }
  }
  const unknown = scopes.find((scope) => !SCOPES.includes(scope));
  if (unknown !== undefined || scopes.length === 0) {
    throw new InvalidInputError(
      `${unknown === undefined ? 'A token needs a scope' : `'${unknown}' is not a scope`}: use ${SCOPES.join(', ')}.`,
    );
  }
  const bad = logPrefixes?.find((prefix) => !LOG_PREFIX.test(prefix));
  if (bad !== undefined || logPrefixes?.length === 0) {
    throw new InvalidInputError(`'${(bad ?? '').slice(0, 120)}' cannot begin a log's id: use 1 to 100 of a-z, 0-9, ".", "_" and "-".`);
  }
  const text = newTokenText();
  const { rows } = await db.query(
    `insert into ${db.schema}.token (id, name, hash, scopes, log_prefixes, actor, expires_at)
    values ($1, $2, $3, $4::text[], $5::text[], $6, clock_timestamp() + $7::double precision * interval '1 millisecond')
    on conflict (name) where revoked_at is null do nothing
    returning expires_at`,
    [text.id, name, hashSecret(text.secret), [...new Set(scopes)], logPrefixes ?? null, actor, expiresInMs ?? null],
  );
  if (rows[0] === undefined) {
    throw new InvalidInputError(`There is a token '${name}' already. Revoke it first, or use another name.`);
  }
  return { id: text.id, token: formatToken(text), ...(rows[0].expires_at ? { expiresAt: rows[0].expires_at } : {}) };
}
