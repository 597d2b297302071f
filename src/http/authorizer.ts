import { SetupError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { type Authorize, SCOPES } from './access.ts';

export interface AuthorizerOptions {
  auth: 'tokens' | 'off';
  host: string;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** @throws SetupError where everybody would be let in from elsewhere */
export function createAuthorizer({ auth, host }: AuthorizerOptions, _db: Database): Authorize {
  if (auth === 'off') {
    if (!LOOPBACK.has(host)) {
      throw new SetupError(`TIDEMARK_AUTH=off would let everybody in who reaches ${host}: listen on 127.0.0.1, or leave it on.`);
    }
    return () => ({ scopes: SCOPES });
  }
  return () => undefined;
}
