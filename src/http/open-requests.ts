/**
 * What is open for long (a stream, an upload, a decision about many units) was allowed when it began. Whoever is not allowed any more (their token was revoked,
 * or has expired) is cut off, and refused when they come again. While it cannot be asked, everything stays as it is.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ForbiddenError, UnauthenticatedError } from './refusals.ts';
import { whenOver } from './response-over.ts';

/** Call it after the hook that lets requests in: what that has refused, or not decided about, is not asked for. @param check throws what a new request would be refused with */
export function endWhereRefused(app: FastifyInstance, everyMs: number, check: (request: FastifyRequest) => Promise<void>): void {
  const openSince = new Map<FastifyRequest, number>();
  app.addHook('onRequest', (request, reply, done) => {
    const { access } = request.routeOptions.config;
    if (access !== 'public' && !request.is404) {
      openSince.set(request, performance.now());
      whenOver(request.raw, reply.raw, () => openSince.delete(request));
    }
    done();
  });

  const look = setInterval(() => {
    const before = performance.now() - everyMs;
    for (const [request, since] of openSince) {
      if (since > before) continue;
      check(request).catch((error: unknown) => {
        // Nobody else's: a proxy has one request on a connection at a time.
        if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) request.raw.socket.destroy();
      });
    }
  }, everyMs);
  look.unref();
  app.addHook('onClose', async () => clearInterval(look));
}
