/**
 * What stays open for long, a stream of a log, was allowed when it began. Whoever is not allowed any more (their token was revoked, or has expired) is cut off,
 * and refused when they come again. While it cannot be asked, streams stay as they are.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ForbiddenError, UnauthenticatedError } from './refusals.ts';

/** @param check throws what a new request would be refused with */
export function endWhereRefused(app: FastifyInstance, everyMs: number, check: (request: FastifyRequest) => Promise<void>): void {
  const open = new Map<FastifyRequest, { since: number; end: () => void }>();
  app.addHook('onRequest', (request, reply, done) => {
    const { access } = request.routeOptions.config;
    if (request.method === 'GET' && access !== 'public' && !request.is404) {
      open.set(request, { since: performance.now(), end: () => reply.raw.destroy() });
      reply.raw.once('close', () => open.delete(request));
    }
    done();
  });

  const look = setInterval(() => {
    const before = performance.now() - everyMs;
    for (const [request, { since, end }] of open) {
      if (since > before) continue;
      check(request).catch((error: unknown) => {
        if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) end();
      });
    }
  }, everyMs);
  look.unref();
  app.addHook('onClose', async () => clearInterval(look));
}
