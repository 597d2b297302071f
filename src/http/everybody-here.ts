/**
 * No authentication: whoever is on this machine may do everything, and nobody else. It listens on a loopback address alone, and refuses what shows that it
 * was sent on from elsewhere: a proxy in front would make everybody who reaches that one a person of this machine. A proxy that says nothing at all cannot
 * be told from a person; where there is one, authentication stays on.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { SetupError } from '../errors.ts';
import { SCOPES } from '../tokens/scopes.ts';
import type { Authorizer } from './authorizer.ts';
import { isLoopback } from './loopback.ts';
import { ForbiddenError } from './refusals.ts';

/** Where the server listens, and what it was told of a proxy. */
export interface Listening {
  host: string;
  trustProxy?: readonly string[] | undefined;
  basePath?: string | undefined;
}

/** @throws SetupError where others than those on this machine would be let in */
export function authorizeEverybodyHere({ host, trustProxy, basePath = '' }: Listening): Authorizer {
  if (!isLoopback(host)) {
    throw new SetupError(`TIDEMARK_AUTH=off would let everybody in who reaches ${host}: listen on 127.0.0.1, or leave it on.`);
  }
  const ofProxy = trustProxy !== undefined ? 'TIDEMARK_HTTP_TRUST_PROXY' : basePath !== '' ? 'TIDEMARK_HTTP_BASE_PATH' : undefined;
  if (ofProxy !== undefined) {
    throw new SetupError(
      `${ofProxy} is for a server behind a proxy, and TIDEMARK_AUTH=off would let everybody in who reaches that: set TIDEMARK_AUTH=tokens, or leave ${ofProxy} out.`,
    );
  }
  return {
    auth: 'off',
    authorize({ headers, httpVersion }) {
      // A name of somebody else that leads here belongs to a page of theirs.
      const name = headers.host?.replace(/:\d+$/, '') ?? '';
      if (!isLoopback(name)) {
        throw new ForbiddenError(`This server has no authentication and answers to localhost alone, not to '${name.slice(0, 100)}'.`);
      }
      const sign = signOfProxy(headers, httpVersion);
      if (sign !== undefined) {
        throw new ForbiddenError(
          `This server has no authentication and answers to its own machine alone; ${sign}, so this request came through a proxy. Behind one, set TIDEMARK_AUTH=tokens.`,
        );
      }
      return { scopes: SCOPES };
    },
  };
}

const OF_PROXIES = /^(x-forwarded(-.+)?|forwarded|via|x-real-ip|x-original-(host|uri|url)|cf-connecting-ip|true-client-ip)$/;

/** What a proxy adds; HTTP/1.0, which nginx speaks unless it is told otherwise and no browser does; a page of another machine. */
function signOfProxy(headers: IncomingHttpHeaders, httpVersion: string): string | undefined {
  const header = Object.keys(headers).find((name) => OF_PROXIES.test(name));
  if (header !== undefined) {
    return `it has the header '${header.slice(0, 100)}'`;
  }
  if (httpVersion === '1.0') {
    return 'it is HTTP/1.0';
  }
  const { origin } = headers;
  return origin !== undefined && origin !== 'null' && !isLoopback(hostOf(origin))
    ? `it is of a page of '${origin.slice(0, 100)}'`
    : undefined;
}

function hostOf(origin: string): string {
  try {
    return new URL(origin).hostname;
  } catch {
    return '';
  }
}
