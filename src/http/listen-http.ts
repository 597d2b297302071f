import { SetupError } from '../errors.ts';
import type { HttpApp } from './http-context.ts';

/** @param port 0: a free one. @returns the address. @throws SetupError where it cannot listen there */
export async function listenHttp(app: HttpApp, { host, port }: { host: string; port: number }): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'EADDRINUSE') {
      throw new SetupError(
        `Port ${port} of ${host} is in use: stop what listens there, or set TIDEMARK_HTTP_PORT or --port to another one.`,
      );
    }
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND') {
      throw new SetupError(
        `Cannot listen on ${host}:${port} (${code}): set TIDEMARK_HTTP_HOST and TIDEMARK_HTTP_PORT, or --host and --port.`,
      );
    }
    throw error;
  }
}
