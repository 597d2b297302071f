/**
 * The server inside of an application's own: `tidemark/http`. For Fastify a plugin; for Express, Hono on Node and Node's own http a handler.
 */
export { type Authorize, type Caller, SCOPES, type Scope } from './http/access.ts';
export { createHttpHandler, type HttpHandler, type HttpHandlerOptions } from './http/create-http-handler.ts';
export { type TidemarkPluginOptions, tidemarkPlugin } from './http/fastify-plugin.ts';
