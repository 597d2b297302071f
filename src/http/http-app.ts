/**
 * The REST API and the page as one Fastify application that listens nowhere by itself: `server.ts` gives it a port, `create-http-handler.ts` a
 * place in an application's own server. Each resource is a file of routes; this one is what they have in common.
 */
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import { type FastifyBaseLogger, type FastifyServerOptions, fastify, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { checkBlobs, checkPostgres, createReadiness } from '../health/readiness.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { type Authorize, requireAccess } from './access.ts';
import type { Authorizer } from './authorizer.ts';
import { checkBasePath, redirectToSlash, withoutBasePath } from './base-path.ts';
import { blobRoutes } from './blobs.ts';
import { answerClientError } from './client-error.ts';
import { refuseWhenClosing } from './closing.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { DOCS_PATH, documentApi } from './document-api.ts';
import { entryRoutes } from './entries.ts';
import { eventRoutes } from './events.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import type { UploadOptions } from './imports.ts';
import { jobDecisionRoutes } from './job-decisions.ts';
import { jobEventRoutes } from './job-events.ts';
import { jobRoutes } from './jobs.ts';
import { logRequests, logWhenOver } from './log-requests.ts';
import { logRoutes } from './logs.ts';
import { messageRoutes } from './messages.ts';
import { notExposedRoutes } from './not-exposed.ts';
import { measureRequests, operationsRoutes } from './operations.ts';
import { type PageOptions, pageRoutes } from './page.ts';
import { sendProblem } from './problem.ts';
import { scheduleRoutes } from './schedules.ts';
import { sessionRoutes } from './session.ts';
import { sheetRoutes } from './sheets.ts';
import { refuseSlowRequests } from './slow-requests.ts';
import { cutOffStalled } from './stalled-responses.ts';
import { createStreams } from './streams.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { workRoutes } from './work.ts';
import { workbookRoutes } from './workbooks.ts';

export interface HttpAppOptions
  extends Omit<HttpContext, 'closing'>,
    Partial<Pick<Authorizer, 'auth' | 'sessions' | 'remembers'>>,
    PageOptions,
    UploadOptions {
  authorize: Authorize;
  version: string;
  /** Where a browser finds this, such as `/tidemark`. Default: the root. */
  basePath?: string | undefined;
  /** Addresses of proxies whose X-Forwarded-For and -Proto are believed. Default: nobody's. */
  trustProxy?: readonly string[] | undefined;
  /** Of one caller. Default: as many as they like. */
  requestsPerMinute?: number | undefined;
  /** At once; one more is dropped. Default: as many as come. */
  maxConnections?: number | undefined;
  readOnly?: boolean | undefined;
  /** Most bytes of a JSON body. Default 4 MiB; an upload has a limit of its own. */
  bodyLimit?: number | undefined;
  /** How long the head of a request may take, and how long its body; of one that is read as it comes: how long it may stand still. In ms, default 30,000. */
  requestTimeoutMs?: number | undefined;
  /** An answer of which bytes wait, and nobody takes any for so long, is cut off, in ms. Default 60,000. */
  stallTimeoutMs?: number | undefined;
  /** How often it is asked whether who holds a request open still may, in ms. Default 10,000. */
  recheckMs?: number | undefined;
  logger?: FastifyBaseLogger | undefined;
  /** What it counts into, closed with it. Default: its own. */
  metrics?: Metrics | undefined;
  /** Default: a server of Node's own. */
  serverFactory?: FastifyServerOptions['serverFactory'];
}

/** The page needs nothing of anybody else, and no inline code or style. */
const CONTENT_POLICY = {
  'default-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
};
const BODY_LIMIT = 4 * 2 ** 20;
const REQUEST_TIMEOUT_MS = 30_000;
const STALL_TIMEOUT_MS = 60_000;
const RECHECK_MS = 10_000;
export async function createHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const { authorize, remembers, auth = 'own', sessions, readOnly = false, recheckMs = RECHECK_MS, logger, serverFactory } = options;
  const { bodyLimit = BODY_LIMIT, requestTimeoutMs = REQUEST_TIMEOUT_MS, stallTimeoutMs = STALL_TIMEOUT_MS } = options;
  const { requestsPerMinute, maxConnections, trustProxy } = options;
  const basePath = checkBasePath(options.basePath ?? '');
  const app: HttpApp = fastify({
    ...(logger ? { loggerInstance: logger } : {}),
    ...(serverFactory ? { serverFactory } : {}),
    ...(trustProxy ? { trustProxy: [...trustProxy] } : {}),
    rewriteUrl: ({ url = '/' }) => withoutBasePath(url, basePath),
    bodyLimit,
    // Of the head; bodies are watched by slow-requests.ts, because one that is uploaded may take its time.
    http: { headersTimeout: requestTimeoutMs, requestTimeout: 0, connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000) },
    clientErrorHandler: answerClientError,
    // Of what no route could be looked for.
    frameworkErrors(error, request, reply) {
      logWhenOver(request, reply);
      cutOffWhereStalled(request, reply);
      sendProblem(error, request, reply);
    },
    logController: new LogController({ disableRequestLogging: true }),
    // A unit's id has slashes in it, percent-encoded, and may be 500 characters long; so may the path of a blob.
    routerOptions: { maxParamLength: 4_000, ignoreTrailingSlash: false },
    // Answered by closing.ts, as a problem.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>();
  if (maxConnections !== undefined) app.server.maxConnections = maxConnections;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  logRequests(app);
  const cutOffWhereStalled = cutOffStalled(app, stallTimeoutMs);
  const metrics = options.metrics ?? createMetrics({ door: 'server', version: options.version, db: options.db });
  app.addHook('onClose', () => metrics.close());
  measureRequests(app, metrics);
  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_POLICY },
    // Behind a proxy that ends TLS it is the proxy's to say.
    hsts: false,
    referrerPolicy: { policy: 'no-referrer' },
  });
  const closing = refuseWhenClosing(app);
  redirectToSlash(app, basePath);
  refuseSlowRequests(app, requestTimeoutMs);
  requireAccess(app, { authorize, remembers, readOnly, publicPaths: [DOCS_PATH], requestsPerMinute, recheckMs });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      Object.assign(new Error(`There is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)} here. See /openapi.json.`), {
        code: 'FST_ERR_NOT_FOUND',
      }),
      request,
      reply,
    ),
  );

  await documentApi(app, options.version, basePath);
  await pageRoutes(app, options);
  const context: HttpContext = { ...options, closing };
  sessionRoutes(app, { auth, ...(sessions ? { sessions } : {}), readOnly, schedules: options.schedules !== undefined, basePath });
  logRoutes(app, context);
  entryRoutes(app, context, auth);
  const streams = createStreams(closing, options.events);
  eventRoutes(app, context, streams);
  blobRoutes(app, context);
  notExposedRoutes(app);
  workRoutes(app, context);
  messageRoutes(app, context, auth);
  subscriptionRoutes(app, context);
  scheduleRoutes(app, context);
  deadLetterRoutes(app, context);
  jobRoutes(app, context, auth, basePath);
  jobDecisionRoutes(app, context);
  jobEventRoutes(app, context, streams);
  sheetRoutes(app, context, options);
  workbookRoutes(app, context, auth, basePath);
  const { db, tidemark } = options;
  const checks = [checkPostgres(db, tidemark.schema), ...(tidemark.blobs ? [checkBlobs(tidemark.blobs)] : [])];
  const readiness = createReadiness(checks, { warn: (message) => logger?.warn(message) });
  operationsRoutes(app, { metrics, readiness });
  return app;
}
