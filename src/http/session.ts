/** Signing in: the page exchanges a token for a cookie that scripts cannot read, and is told what it may do. */
import type { CookieSerializeOptions } from '@fastify/cookie';
import { z } from 'zod';
import { SCOPES } from '../tokens/scopes.ts';
import { type Authorizer, SESSION_COOKIE } from './authorizer.ts';
import type { HttpApp } from './http-context.ts';
import { problems } from './problem.ts';
import { createRateLimit } from './rate-limit.ts';
import { TooManyRequestsError, UnauthenticatedError } from './refusals.ts';
import { TAGS } from './schemas.ts';

export const SessionBody = z
  .object({
    actor: z.string().optional().describe('Kept with what is written'),
    scopes: z.array(z.enum(SCOPES)),
    logPrefixes: z.array(z.string()).optional().describe('Only logs whose ids begin with one of these; absent: all'),
    auth: z.enum(['tokens', 'off', 'own']).describe('`tokens`: a session ends with DELETE /session. `off`, `own`: nobody signs in here'),
    readOnly: z.boolean().describe('This server refuses everything that writes'),
    schedules: z.boolean().describe('This server knows of schedules; one inside of an application does not'),
  })
  .meta({ id: 'Session' });

/** Tries that fail, of one address. */
const FAILURES = { most: 10, windowMs: 60_000 };

export interface SessionOptions extends Pick<Authorizer, 'auth' | 'sessions'> {
  readOnly: boolean;
  /** Whether it knows of any. */
  schedules: boolean;
  /** Where the browser finds this server: begins with a slash, has none at its end. */
  basePath: string;
}

export function sessionRoutes(app: HttpApp, { auth, sessions, readOnly, schedules, basePath }: SessionOptions): void {
  app.route({
    method: 'GET',
    url: '/session',
    config: { access: 'caller' },
    schema: { tags: [TAGS.session], summary: 'Who is asking, and what they may do', response: { 200: SessionBody, ...problems() } },
    async handler({ caller: { actor, scopes, logPrefixes } }) {
      return {
        ...(actor ? { actor } : {}),
        scopes: [...scopes],
        ...(logPrefixes ? { logPrefixes: [...logPrefixes] } : {}),
        auth,
        readOnly,
        schedules,
      };
    },
  });
  if (sessions === undefined) {
    return;
  }

  const cookie: CookieSerializeOptions = { path: basePath === '' ? '/' : basePath, httpOnly: true, sameSite: 'strict' };
  const failures = createRateLimit(FAILURES);

  app.route({
    method: 'POST',
    url: '/session',
    config: { access: 'public' },
    schema: {
      tags: [TAGS.session],
      summary: 'Sign in: exchange a token for a session',
      description: `The answer sets the cookie \`${SESSION_COOKIE}\`: HttpOnly, SameSite=Strict, for at most 12 hours and never longer than the token. Of one token 100 sessions live: another one ends the oldest.`,
      body: z.object({ token: z.string().min(1).max(200) }),
      response: { 204: z.undefined().describe('The cookie is set'), ...problems(401, 403, 429) },
    },
    async handler({ body, ip, protocol }, reply) {
      // Counted before the token is looked for, and given back where it is good: side by side they are no more than one after another.
      const retryAfterMs = failures.take(ip);
      if (retryAfterMs !== undefined) {
        throw new TooManyRequestsError(retryAfterMs, `Too many tokens that are not good: wait ${Math.ceil(retryAfterMs / 1_000)} s.`);
      }
      const { secret, expiresInMs } = await sessions.begin(body.token).catch((error: unknown) => {
        if (!(error instanceof UnauthenticatedError)) failures.giveBack(ip);
        throw error;
      });
      failures.giveBack(ip);
      reply.setCookie(SESSION_COOKIE, secret, { ...cookie, secure: protocol === 'https', maxAge: Math.floor(expiresInMs / 1_000) });
      return reply.header('cache-control', 'no-store').code(204).send();
    },
  });

  app.route({
    method: 'DELETE',
    url: '/session',
    config: { access: 'caller' },
    schema: { tags: [TAGS.session], summary: 'Sign out', response: { 204: z.undefined().describe('The session is over'), ...problems() } },
    async handler(request, reply) {
      await sessions.end(request.raw);
      return reply
        .clearCookie(SESSION_COOKIE, { ...cookie, secure: request.protocol === 'https' })
        .code(204)
        .send();
    },
  });
}
