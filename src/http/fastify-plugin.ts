import type { IncomingMessage } from 'node:http';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Caller } from './access.ts';
import { createHttpHandler, type HttpHandlerOptions } from './create-http-handler.ts';

export interface TidemarkPluginOptions extends Omit<HttpHandlerOptions, 'authorize' | 'basePath'> {
  /** Who is asking; undefined: nobody who is known (401). The request is the application's own, with what its hooks have put there. */
  authorize: (request: FastifyRequest) => Promise<Caller | undefined> | Caller | undefined;
}

/**
 * The API and the page in an application's own Fastify, under the prefix that it is registered with. The application's hooks run before it; its parsers,
 * schemas and error handler stay its own. Ends with the application.
 *
 * @example app.register(tidemarkPlugin, { prefix: '/tidemark', tidemark, authorize: ({ user }) => user && { actor: user.email, scopes: ['read', 'write'] } })
 */
export const tidemarkPlugin: FastifyPluginAsync<TidemarkPluginOptions> = async (app, { authorize, ...options }) => {
  const requests = new WeakMap<IncomingMessage, FastifyRequest>();
  const handler = await createHttpHandler({
    ...options,
    basePath: app.prefix,
    authorize: (raw) => authorize(requests.get(raw) as FastifyRequest),
  });
  // Bodies are read by the routes themselves.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  for (const url of ['/', '/*']) {
    app.all(url, (request, reply) => {
      requests.set(request.raw, request);
      reply.hijack();
      handler.handle(request.raw, reply.raw);
    });
  }
  app.addHook('preClose', () => handler.close());
};
