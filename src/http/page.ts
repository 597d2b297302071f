/**
 * The web page: the files of dist/web. They hold no data and need no caller; what they show, they ask the API for.
 * Their names carry a hash of what is in them, so they are kept for ever; the document that names them is asked for each time.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { HttpApp } from './http-context.ts';

/** From src/http and from dist/http alike. */
const BUILT_PAGE = fileURLToPath(new URL('../../dist/web', import.meta.url));
/** As the build names them: no path leads out of the folder. */
const ASSET = /^[\w-][\w.-]{0,200}$/;
const NOT_BUILT = 'The page is not built. Run "npm run build", or "npm start", which does it first. The REST API is there: see /docs.\n';

export interface PageOptions {
  /** The folder of the built page. Default: dist/web of this package. */
  pageDir?: string | undefined;
}

export async function pageRoutes(app: HttpApp, { pageDir = BUILT_PAGE }: PageOptions): Promise<void> {
  await app.register(async (page) => {
    await page.register(fastifyStatic, { root: pageDir, serve: false, preCompressed: true, suppressWarning: true });

    page.get('/', { config: { access: 'public' }, schema: { hide: true } }, (_request, reply) => {
      if (!existsSync(join(pageDir, 'index.html'))) {
        return reply.code(503).header('retry-after', '5').type('text/plain; charset=utf-8').send(NOT_BUILT);
      }
      return reply.header('cache-control', 'no-cache').sendFile('index.html', { cacheControl: false });
    });

    page.get<{ Params: { name: string } }>('/assets/:name', { config: { access: 'public' }, schema: { hide: true } }, (request, reply) => {
      const { name } = request.params;
      if (!ASSET.test(name)) {
        return reply.callNotFound();
      }
      return reply.sendFile(`assets/${name}`, { immutable: true, maxAge: '365d' });
    });
  });
}
