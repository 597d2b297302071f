/**
 * One line in the log per request, when it is over: also of one whose caller has hung up. It says which route, never which path or query: whatever a caller
 * has put there by mistake stays out of logs.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { whenOver } from './response-over.ts';

const NO_ROUTE = 'none';

export function logRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    logWhenOver(request, reply);
    done();
  });
}

export function logWhenOver(request: FastifyRequest, { raw }: FastifyReply): void {
  const startedAt = performance.now();
  whenOver(request.raw, raw, () => {
    const line = {
      method: request.method,
      route: request.routeOptions.url ?? NO_ROUTE,
      status: raw.statusCode,
      ms: Math.round(performance.now() - startedAt),
      ...(request.caller?.actor === undefined ? {} : { actor: request.caller.actor }),
      ...(raw.writableFinished ? {} : { hungUp: true }),
    };
    request.log[levelOf(line)](line, 'request');
  });
}

/** What asks every few seconds whether the server lives would fill the log. */
function levelOf({ route, status }: { route: string; status: number }): 'debug' | 'info' | 'warn' {
  return status >= 500 ? 'warn' : route.startsWith('/health') ? 'debug' : 'info';
}
