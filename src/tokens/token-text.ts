/**
 * What a bearer holds: `tmk_<id>_<secret>`. The id finds the row, the secret proves it: 256 random bits, of which the database knows the SHA-256 alone.
 * The prefix lets scanners of repositories and logs find one that has leaked.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface TokenText {
  id: string;
  secret: string;
}

const TOKEN = /^tmk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz012345';

/** 60 bits for the id: it need not be secret, only its own. */
export function newTokenText(): TokenText {
  const id = [...randomBytes(12)].map((byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('');
  return { id, secret: newSecret() };
}

/** 256 bits, as 43 characters that need no escaping in a header or cookie. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function formatToken({ id, secret }: TokenText): string {
  return `tmk_${id}_${secret}`;
}

/** @returns undefined for what cannot be a token: it needs no look into the database */
export function parseToken(text: string): TokenText | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}

export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
