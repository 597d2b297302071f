/**
 * Where a browser finds the server: `/tidemark` of something larger. Requests may come with the path or, from a proxy or an application that has taken it
 * off, without it. Only the setting says what it is, never a header.
 */
import type { FastifyInstance } from 'fastify';
import { SetupError } from '../errors.ts';

/** @returns '' for the root; else it begins with a slash and has none at its end. @throws SetupError */
export function checkBasePath(basePath: string): string {
  const trimmed = basePath.replace(/\/+$/, '');
  if (!/^(\/[\w.~-]+)*$/.test(trimmed) || /\/\.{1,2}(\/|$)/.test(trimmed)) {
    throw new SetupError(
      `'${basePath.slice(0, 200)}' is not a base path: write it as /tidemark, of letters, digits, ".", "_", "~" and "-".`,
    );
  }
  return trimmed;
}

export function withoutBasePath(url: string, basePath: string): string {
  if (basePath !== '' && url.startsWith(basePath)) {
    const rest = url.slice(basePath.length);
    if (rest.startsWith('/')) return rest;
    if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  }
  return url;
}

/** Links of the page are relative, and need the slash. */
export function redirectToSlash(app: FastifyInstance, basePath: string): void {
  if (basePath === '') {
    return;
  }
  app.addHook('onRequest', async ({ raw, originalUrl, method }, reply) => {
    const [path, query] = ((raw as { originalUrl?: string }).originalUrl ?? originalUrl).split('?', 2);
    if (path === basePath && (method === 'GET' || method === 'HEAD')) {
      return reply.redirect(`${basePath}/${query === undefined ? '' : `?${query}`}`, 308);
    }
  });
}
