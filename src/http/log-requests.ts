/**
 * One line in the log per request, when it is over: also of one whose caller has hung up. It says which route, never which path or query: whatever a caller
 * has put there by mistake stays out of logs.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';

const NO_ROUTE = 'none';

export function logRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const startedAt = performance.now();
    reply.raw.once('close', () => {
      const { statusCode, writableFinished } = reply.raw;
      const line = {
        method: request.method,
        route: request.routeOptions.url ?? NO_ROUTE,
        status: statusCode,
        ms: Math.round(performance.now() - startedAt),
        ...(request.caller?.actor === undefined ? {} : { actor: request.caller.actor }),
        ...(writableFinished ? {} : { hungUp: true }),
      };
      request.log[levelOf(request, statusCode)](line, 'request');
    });
    done();
  });
}

/** What asks every few seconds whether the server lives would fill the log. */
function levelOf({ routeOptions: { url = '' } }: FastifyRequest, status: number): 'debug' | 'info' | 'warn' {
  return status >= 500 ? 'warn' : url.startsWith('/health') ? 'debug' : 'info';
}
