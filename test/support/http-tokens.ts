/** Tokens for tests of the server. */
import { createAuthorizer } from '../../src/http/authorizer.ts';
import type { HttpAppOptions } from '../../src/http/http-app.ts';
import { createToken } from '../../src/tokens/create-token.ts';
import { SCOPES, type Scope } from '../../src/tokens/scopes.ts';
import type { TestDatabase } from './database.ts';

/** What makes a test's server ask for tokens. */
export function askForTokens({ db }: TestDatabase): Pick<HttpAppOptions, 'authorize' | 'auth' | 'sessions'> {
  return createAuthorizer({ auth: 'tokens', host: '127.0.0.1' }, db);
}

let made = 0;

export async function makeToken(
  { db }: TestDatabase,
  { scopes = SCOPES, logPrefixes }: { scopes?: readonly Scope[]; logPrefixes?: readonly string[] } = {},
): Promise<{ id: string; token: string }> {
  made += 1;
  return createToken(db, { name: `token ${made}`, scopes, logPrefixes });
}

/** As a header. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
