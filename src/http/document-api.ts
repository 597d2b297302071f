/** The API as OpenAPI 3.1, made from the schemas that validate, and a page to browse it. Public: it describes the API and holds no data. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { Access } from './access.ts';
import { SESSION_COOKIE } from './authorizer.ts';
import { documentedAnswers } from './documented-answers.ts';
import type { HttpApp } from './http-context.ts';

export const DOCS_PATH = '/docs';
/** Swagger's page has a style element of its own. */
const DOCS_CONTENT_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const DESCRIPTION = `Facts in event logs, and the durable work that they ask for.

Errors are problem+json with a stable \`code\`. Sequence ids are decimal strings. Clients cannot ask for workflows: the server decides.`;

export async function documentApi(app: HttpApp, version: string, basePath: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tidemark', version, description: DESCRIPTION },
      servers: [{ url: basePath === '' ? '/' : basePath }],
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' }, session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE } },
      },
    },
    // A hidden route has no schema of its own.
    transform: ({ schema, route, ...rest }) =>
      jsonSchemaTransform({
        ...rest,
        route,
        schema: {
          ...schema,
          ...(schema?.response ? { response: documentedAnswers(schema, route.config?.access) } : {}),
          security: securityOf(route.config?.access),
        },
      }),
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    staticCSP: DOCS_CONTENT_POLICY,
    // Not somebody else's validator.
    uiConfig: { validatorUrl: null },
  });
  app.get('/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, () => app.swagger({ yaml: false }));
}

/** What a route needs, as OpenAPI says it. */
function securityOf(access: Access | undefined): Record<string, string[]>[] {
  if (access === 'public') return [];
  // Of several, each is enough.
  const ways = access === undefined || access === 'caller' ? [[]] : [access].flat().map((scope) => [scope]);
  return ways.flatMap((scopes): Record<string, string[]>[] => [{ token: scopes }, { session: scopes }]);
}
