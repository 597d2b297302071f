/**
 * A page of somebody else cannot make a browser write here. A browser sends cookies by itself, and reaches 127.0.0.1 from any page; it also says
 * where a request comes from (`Sec-Fetch-Site`, and where that is not sent, `Origin`). What carries a token in its own header is not a page's doing.
 */
import type { FastifyRequest } from 'fastify';
import { ForbiddenError } from './refusals.ts';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** @throws ForbiddenError for a request that would write and comes from elsewhere, or carries a cookie and does not say from where */
export function requireSameOrigin({ method, headers, host }: Pick<FastifyRequest, 'method' | 'headers' | 'host'>): void {
  if (READS.has(method) || headers.authorization !== undefined) {
    return;
  }
  const { cookie, origin, 'sec-fetch-site': site } = headers;
  if (
    site !== undefined ? site === 'same-origin' || site === 'none' : origin !== undefined ? hostOf(origin) === host : cookie === undefined
  ) {
    return;
  }
  throw new ForbiddenError(
    'A request that writes has to come from a page of this server itself: other programs send a token as "Authorization: Bearer …" and no cookie. Behind a proxy, let it pass the Host header on.',
    'cross_origin',
  );
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    // "null": a page without an origin of its own.
    return undefined;
  }
}
