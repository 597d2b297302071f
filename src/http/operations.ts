/** What those who run the server ask: its metrics, whether it is alive, whether it can do its work. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Readiness } from '../health/readiness.ts';
import { type Metrics, PROMETHEUS_TEXT } from '../metrics/metrics.ts';
import { readinessBody } from '../metrics/operations-server.ts';
import { ForbiddenError } from './access.ts';
import type { HttpApp } from './http-context.ts';
import { problems } from './problem.ts';
import { whenOver } from './response-over.ts';
import { TAGS } from './schemas.ts';

const NO_STORE = { 'cache-control': 'no-store' };

/** Of the routes that are registered after it. */
export function measureRequests(app: HttpApp, metrics: Metrics): void {
  let streams = 0;
  metrics.gauge('tidemark_event_streams', 'Clients that follow a log or a job', () => streams);
  const isStream = ({ routeOptions }: FastifyRequest) => routeOptions.url?.endsWith('/events') === true;
  app.addHook('onRequest', async (request, reply) => {
    if (isStream(request)) {
      streams += 1;
      whenOver(request.raw, reply.raw, () => {
        streams -= 1;
      });
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    // How long somebody listened says nothing about the server.
    if (!(isStream(request) && reply.statusCode === 200)) {
      metrics.requestEnded({
        method: request.method,
        route: request.is404 ? 'none' : (request.routeOptions.url ?? 'none'),
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
      });
    }
  });
}

export function operationsRoutes(app: HttpApp, { metrics, readiness }: { metrics: Metrics; readiness: Readiness }): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.server],
      summary: 'Metrics, for Prometheus',
      description: 'Of all groups of work: for callers who reach all logs.',
      response: {
        200: { description: 'Prometheus text, version 0.0.4', content: { 'text/plain': { schema: z.string() } } },
        ...problems(),
      },
    },
    async handler({ caller }, reply) {
      if (caller.logPrefixes !== undefined) {
        throw new ForbiddenError('Metrics are of all logs: ask with a token that reaches all.');
      }
      return reply
        .headers(NO_STORE)
        .type(PROMETHEUS_TEXT)
        .send(await metrics.scrape());
    },
  });

  app.route({
    method: 'GET',
    url: '/health/live',
    config: { access: 'public' },
    schema: {
      tags: [TAGS.server],
      summary: 'Whether the process turns',
      response: { 200: z.object({ status: z.literal('live') }), ...problems() },
    },
    async handler(_, reply) {
      return reply.headers(NO_STORE).send({ status: 'live' });
    },
  });

  app.route({
    method: 'GET',
    url: '/health/ready',
    config: { access: 'public' },
    schema: {
      tags: [TAGS.server],
      summary: 'Whether everything that it needs answers',
      response: {
        ...problems(),
        200: z.object({ status: z.literal('ready') }),
        503: z.object({
          status: z.literal('not ready'),
          missing: z
            .array(z.string())
            .describe('`<dependency>: does not answer` or `<dependency>: needs setup`, of postgres and blobs; the log says why'),
        }),
      },
    },
    async handler(_, reply) {
      const body = readinessBody(await readiness());
      return body.status === 'ready'
        ? reply.headers(NO_STORE).send(body)
        : reply
            .code(503)
            .headers(NO_STORE)
            .send({ ...body, missing: [...body.missing] });
    },
  });
}
