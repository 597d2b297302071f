/**
 * The REST API and the page as one Fastify application that listens nowhere by itself: `server.ts` gives it a port, `mount.ts` a place in an
 * application's own server. Each resource is a file of routes; this one is what they have in common.
 */
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { type FastifyBaseLogger, type FastifyInstance, type FastifyServerOptions, fastify, LogController } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { Database } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import { type Authorize, requireAccess } from './access.ts';
import { logRoutes } from './logs.ts';
import { sendProblem } from './problem.ts';
import { sheetRoutes } from './sheets.ts';

export interface HttpContext {
  tidemark: Tidemark;
  db: Database;
  /** Of Temporal's web UI, for links; absent: none are given. */
  uiUrl?: string | undefined;
  /** Temporal's. */
  namespace?: string | undefined;
}

export interface HttpAppOptions extends HttpContext {
  authorize: Authorize;
  version: string;
  readOnly?: boolean | undefined;
  /** Most bytes of a JSON body. Default 4 MiB; an upload has a limit of its own. */
  bodyLimit?: number | undefined;
  /** Most bytes of a file that is uploaded. Default 512 MiB. */
  uploadLimitBytes?: number | undefined;
  /** How long an upload and its import may take, in ms. Default 30 minutes. */
  uploadTimeoutMs?: number | undefined;
  /** A request whose head and body have not come by then is refused, in ms. Default 30,000. */
  requestTimeoutMs?: number | undefined;
  logger?: FastifyBaseLogger | undefined;
  /** Default: a server of Node's own. */
  serverFactory?: FastifyServerOptions['serverFactory'];
}

/** With schemas of zod for what comes in and goes out. */
export type HttpApp = FastifyInstance<
  import('fastify').RawServerDefault,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

const DOCS = '/docs';
const BODY_LIMIT = 4 * 2 ** 20;
const REQUEST_TIMEOUT_MS = 30_000;
const DESCRIPTION = `Facts in event logs, and the durable work that they ask for.

Errors are problem+json with a stable \`code\`. Sequence ids are decimal strings. Clients cannot ask for workflows: the server decides.`;

export async function createHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const { authorize, readOnly = false, bodyLimit = BODY_LIMIT, requestTimeoutMs = REQUEST_TIMEOUT_MS, logger, serverFactory } = options;
  const app: HttpApp = fastify({
    ...(logger ? { loggerInstance: logger } : {}),
    ...(serverFactory ? { serverFactory } : {}),
    bodyLimit,
    requestTimeout: requestTimeoutMs,
    logController: new LogController({ disableRequestLogging: true }),
    // A unit's id has slashes in it, percent-encoded, and may be 500 characters long.
    routerOptions: { maxParamLength: 1_600, ignoreTrailingSlash: false },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  // The documentation describes the API and holds no data.
  requireAccess(app, { authorize, readOnly, publicPaths: [DOCS] });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      Object.assign(new Error(`There is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)} here. See /openapi.json.`), {
        code: 'FST_ERR_NOT_FOUND',
      }),
      request,
      reply,
    ),
  );

  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        frameAncestors: ["'none'"],
        upgradeInsecureRequests: null,
      },
    },
    // Behind a proxy that ends TLS it is the proxy's to say.
    hsts: false,
    referrerPolicy: { policy: 'no-referrer' },
  });
  await documentApi(app, options.version);
  logRoutes(app, options);
  sheetRoutes(app, options);
  return app;
}

async function documentApi(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tidemark', version, description: DESCRIPTION },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' }, session: { type: 'apiKey', in: 'cookie', name: 'tidemark_session' } },
      },
      security: [{ token: [] }, { session: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: DOCS, staticCSP: true });
  app.get('/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, () => app.swagger({ yaml: false }));
}
