/**
 * The server's own answer to "who is there": tokens in a header, sessions in a cookie, or everybody on a machine of one's own.
 *
 * What was found stays in memory for 5 s, so that not every request asks the database: a token that is revoked elsewhere is refused after that at the
 * latest. Where the database does not answer, nobody who is not remembered gets in (503).
 */
import type { IncomingMessage } from 'node:http';
import { SetupError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { type Bearer, findToken, type Refusal } from '../tokens/find-token.ts';
import { beginSession, endSession, findSession, type NewSession } from '../tokens/session.ts';
import { type Authorize, type Caller, SCOPES } from './access.ts';
import { createBearerCache } from './bearer-cache.ts';
import { isLoopback } from './loopback.ts';
import { ForbiddenError, UnauthenticatedError } from './refusals.ts';

export const SESSION_COOKIE = 'tidemark_session';
const IN_COOKIES = new RegExp(`(?:^|; *)${SESSION_COOKIE}=([\\w-]{43})(?:;|$)`);

/** What a browser holds in place of a token. */
export interface Sessions {
  /** @throws UnauthenticatedError for a token that is not good */
  begin(token: string): Promise<NewSession>;
  end(request: IncomingMessage): Promise<void>;
}

export interface Authorizer {
  /** `off`: nobody is asked. `own`: the application that this is mounted in decides. */
  auth: 'tokens' | 'off' | 'own';
  authorize: Authorize;
  /** Absent: there is nothing to sign in to. */
  sessions?: Sessions;
}

/** @throws SetupError where everybody would be let in from elsewhere */
export function createAuthorizer({ auth, host }: { auth: 'tokens' | 'off'; host: string }, db: Database): Authorizer {
  return auth === 'off' ? authorizeEverybodyHere(host) : authorizeByToken(db);
}

function authorizeEverybodyHere(host: string): Authorizer {
  if (!isLoopback(host)) {
    throw new SetupError(`TIDEMARK_AUTH=off would let everybody in who reaches ${host}: listen on 127.0.0.1, or leave it on.`);
  }
  return {
    auth: 'off',
    authorize({ headers }) {
      // A name of somebody else that leads here belongs to a page of theirs.
      const name = headers.host?.replace(/:\d+$/, '') ?? '';
      if (!isLoopback(name)) {
        throw new ForbiddenError(`This server has no authentication and answers to localhost alone, not to '${name.slice(0, 100)}'.`);
      }
      return { scopes: SCOPES };
    },
  };
}

function authorizeByToken(db: Database): Authorizer {
  const tokens = createBearerCache((text) => findToken(db, text));
  const sessions = createBearerCache((secret) => findSession(db, secret));
  return {
    auth: 'tokens',
    async authorize(request) {
      const token = tokenOf(request);
      const secret = sessionOf(request);
      return token !== undefined
        ? callerOf(await tokens.find(token), 'token')
        : secret !== undefined
          ? callerOf(await sessions.find(secret), 'session')
          : undefined;
    },
    sessions: {
      async begin(token) {
        const bearer = await findToken(db, token);
        callerOf(bearer, 'token');
        return beginSession(db, bearer as Bearer);
      },
      async end(request) {
        const secret = sessionOf(request);
        if (secret !== undefined) {
          sessions.forget(secret);
          await endSession(db, secret);
        }
      },
    },
  };
}

function tokenOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  return authorization === undefined ? undefined : (/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
}

function sessionOf({ headers: { cookie } }: IncomingMessage): string | undefined {
  return IN_COOKIES.exec(cookie ?? '')?.[1];
}

const WHY_NOT: Record<Refusal, string> = {
  unknown: 'is not known here',
  expired: 'has expired',
  revoked: 'was revoked',
};

/** @throws UnauthenticatedError, without what was sent */
function callerOf(bearer: Bearer | Refusal, what: 'token' | 'session'): Caller {
  if (typeof bearer === 'string') {
    const next = what === 'session' ? 'Sign in again.' : 'Whoever runs the server makes another one with "tidemark tokens create".';
    throw new UnauthenticatedError(`This ${what} ${WHY_NOT[bearer]}. ${next}`);
  }
  const { tokenId, actor, scopes, logPrefixes } = bearer;
  return { id: tokenId, actor, scopes, ...(logPrefixes ? { logPrefixes } : {}) };
}
