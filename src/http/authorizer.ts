/**
 * The server's own answer to "who is there": tokens in a header, sessions in a cookie, or everybody on a machine of one's own.
 *
 * What was found stays in memory for 5 s, so that not every request asks the database: a token that is revoked elsewhere is refused after that at the
 * latest. Where the database does not answer, nobody who is not remembered gets in (503).
 */
import type { IncomingMessage } from 'node:http';
import type { Database } from '../postgres/queryable.ts';
import { type Bearer, findToken, type Refusal } from '../tokens/find-token.ts';
import { beginSession, endSession, findSession, type NewSession } from '../tokens/session.ts';
import type { Authorize, Caller } from './access.ts';
import { createBearerCache } from './bearer-cache.ts';
import { authorizeEverybodyHere, type Listening } from './everybody-here.ts';
import { createRateLimit } from './rate-limit.ts';
import { TooManyRequestsError, UnauthenticatedError } from './refusals.ts';

export const SESSION_COOKIE = 'tidemark_session';
const IN_COOKIES = new RegExp(`(?:^|; *)${SESSION_COOKIE}=([\\w-]{43})(?:;|$)`);

/** What a browser holds in place of a token. */
export interface Sessions {
  /** @throws UnauthenticatedError for a token that is not good, TooManyRequestsError for one that is exchanged too often */
  begin(token: string): Promise<NewSession>;
  end(request: IncomingMessage): Promise<void>;
}

export interface Authorizer {
  /** `off`: nobody is asked. `own`: the application that this is mounted in decides. */
  auth: 'tokens' | 'off' | 'own';
  authorize: Authorize;
  /** Whether somebody was found by what this request carries before; absent: it cannot be said without asking. */
  remembers?: (request: IncomingMessage) => boolean;
  /** Absent: there is nothing to sign in to. */
  sessions?: Sessions;
}

/** @throws SetupError where everybody would be let in from elsewhere: see `authorizeEverybodyHere` */
export function createAuthorizer({ auth, ...at }: { auth: 'tokens' | 'off' } & Listening, db: Database): Authorizer {
  return auth === 'off' ? authorizeEverybodyHere(at) : authorizeByToken(db);
}

/** Of one token: people who share it, or a program that does not keep its cookie. */
const SIGN_INS = { most: 30, windowMs: 60_000 };

function authorizeByToken(db: Database): Authorizer {
  const signIns = createRateLimit(SIGN_INS);
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
    remembers(request) {
      const token = tokenOf(request);
      const secret = sessionOf(request);
      return token !== undefined ? tokens.remembers(token) : secret !== undefined && sessions.remembers(secret);
    },
    sessions: {
      async begin(token) {
        const bearer = await findToken(db, token);
        callerOf(bearer, 'token');
        const { tokenId } = bearer as Bearer;
        const retryAfterMs = signIns.take(tokenId);
        if (retryAfterMs !== undefined) {
          throw new TooManyRequestsError(
            retryAfterMs,
            'This token is exchanged for a session too often: keep the cookie, or send the token itself.',
          );
        }
        return beginSession(db, bearer as Bearer);
      },
      async end(request) {
        const secret = sessionOf(request);
        if (secret !== undefined) {
          await endSession(db, secret);
          // After it: a request beside this one may have found the session until then.
          sessions.forget(secret);
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
