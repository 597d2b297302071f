/**
 * Who may do what. Every route says what it needs; who is there, the server's `authorize` says. A route that says nothing is not registered.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Scope } from '../tokens/scopes.ts';
import { endWhereRefused } from './open-requests.ts';
import { createRateLimit } from './rate-limit.ts';
import { ForbiddenError, TooManyRequestsError, UnauthenticatedError } from './refusals.ts';
import { requireSameOrigin } from './same-origin.ts';

export { SCOPES, type Scope } from '../tokens/scopes.ts';
export { ForbiddenError } from './refusals.ts';

export interface Caller {
  /**
   * What limits are counted by, and whose idempotency keys are whose. Default: the actor. Without either limits go by the address, and an append with such a
   * key, as the page and `tidemark/client` send it, is refused.
   */
  id?: string | undefined;
  /** Kept with what they write. */
  actor?: string | undefined;
  scopes: readonly Scope[];
  /** Only logs whose ids begin with one of these; absent: all. */
  logPrefixes?: readonly string[] | undefined;
}

/** @returns undefined for nobody it knows: the request is answered with 401. Asked again now and then, with the same request, while one stays open. */
export type Authorize = (request: IncomingMessage) => Promise<Caller | undefined> | Caller | undefined;

/** What a route needs: a scope, or one of several; 'public': nothing, 'caller': that it is known who is there. */
export type Access = Scope | readonly Scope[] | 'public' | 'caller';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Whoever `authorize` found; nobody on a public route. */
    caller: Caller;
  }
}

const NOBODY: Caller = { scopes: [] };

export interface AccessOptions {
  authorize: Authorize;
  /** Whether somebody was found by what a request carries before; undefined: `authorize` decides what it costs to ask it. */
  remembers: ((request: IncomingMessage) => boolean) | undefined;
  /** Nothing can be written: every route that needs more than `read` is refused. */
  readOnly: boolean;
  /** Of plugins, whose routes do not say it themselves. */
  publicPaths: readonly string[];
  /** Of one caller, or of one address that is refused; undefined: as many as they like. */
  requestsPerMinute: number | undefined;
  /** How often `authorize` is asked again about a request that stays open. */
  recheckMs: number;
}

export function requireAccess(app: FastifyInstance, options: AccessOptions): void {
  const { authorize, remembers, readOnly, publicPaths, requestsPerMinute, recheckMs } = options;
  const limit = createRateLimit({ most: requestsPerMinute, windowMs: 60_000 });
  app.decorateRequest('caller', undefined as unknown as Caller);
  app.addHook('onRoute', (route) => {
    if (publicPaths.some((path) => route.url === path || route.url.startsWith(`${path}/`))) {
      route.config = { ...route.config, access: 'public' };
    }
    if (route.config?.access === undefined) {
      throw new Error(`Route ${route.method} ${route.url} does not say what it needs: set config.access.`);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    const { access = 'admin' } = request.routeOptions.config;
    request.caller = NOBODY;
    if (request.is404) {
      return;
    }
    requireSameOrigin(request);
    if (access === 'public') {
      return;
    }
    reply.header('cache-control', 'no-store');
    const take = (key: string) => {
      const retryAfterMs = limit.take(key);
      if (retryAfterMs !== undefined) throw new TooManyRequestsError(retryAfterMs);
    };
    const address = `address ${request.ip}`;
    // Counted before it is asked, which costs a look into the database, and given back where that finds somebody: strangers cannot make it look more often
    // than that, and beside them whoever was found before gets in.
    const isStranger = remembers !== undefined && !remembers(request.raw);
    if (isStranger) take(address);
    const caller = await whoAsks(authorize, request).catch((error: unknown) => {
      if (isStranger) limit.giveBack(address);
      throw error;
    });
    if (caller instanceof UnauthenticatedError) {
      if (!isStranger) take(address);
      throw caller;
    }
    if (isStranger) limit.giveBack(address);
    take(limitKey({ caller, ip: request.ip }));
    request.caller = caller;
    requireAllowed(caller, request, readOnly);
  });
  endWhereRefused(app, recheckMs, async (request) => {
    const caller = await whoAsks(authorize, request);
    if (caller instanceof UnauthenticatedError) throw caller;
    requireAllowed(caller, request, readOnly);
  });
}

/** What is counted together. */
export function limitKey({ caller, ip }: Pick<FastifyRequest, 'caller' | 'ip'>): string {
  return `caller ${caller.id ?? caller.actor ?? ip}`;
}

/** @throws ForbiddenError */
function requireAllowed(caller: Caller, { routeOptions, params }: FastifyRequest, readOnly: boolean): void {
  const { access = 'admin' } = routeOptions.config;
  if (access === 'caller' || access === 'public') {
    return;
  }
  const scopes = [access].flat() as Scope[];
  if (!scopes.some((scope) => hasScope(caller, scope))) {
    throw new ForbiddenError(`This needs the scope '${scopes.join("' or '")}'; what was sent has ${caller.scopes.join(', ') || 'none'}.`);
  }
  if (readOnly && !scopes.includes('read')) {
    throw new ForbiddenError('This server is read-only. Ask one that is not.', 'read_only');
  }
  const { logId } = params as { logId?: string };
  if (logId !== undefined) {
    requireLog({ caller }, logId);
  }
}

async function whoAsks(authorize: Authorize, request: FastifyRequest): Promise<Caller | UnauthenticatedError> {
  try {
    return (await authorize(request.raw)) ?? new UnauthenticatedError();
  } catch (error) {
    if (error instanceof UnauthenticatedError) return error;
    throw error;
  }
}

function hasScope({ scopes }: Caller, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin');
}

function mayReachLog({ logPrefixes }: Caller, logId: string): boolean {
  return logPrefixes === undefined || logPrefixes.some((prefix) => logId.startsWith(prefix));
}

/** Done for every route with a parameter `logId`; call it where a log is named otherwise. @throws ForbiddenError */
export function requireLog({ caller }: Pick<FastifyRequest, 'caller'>, logId: string): void {
  if (!mayReachLog(caller, logId)) {
    throw new ForbiddenError(`What was sent does not reach log '${logId.slice(0, 100)}'.`);
  }
}
