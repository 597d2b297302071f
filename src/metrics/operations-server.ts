/**
 * /metrics, /health/live and /health/ready of a process that serves nothing else. Nobody is asked who they are: it listens on this machine only, unless
 * somebody says otherwise.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SetupError } from '../errors.ts';
import type { Readiness } from '../health/readiness.ts';
import { type Metrics, PROMETHEUS_TEXT } from './metrics.ts';

export interface OperationsServerOptions {
  host: string;
  /** 0: a free one. */
  port: number;
  metrics: Pick<Metrics, 'scrape'>;
  readiness: Readiness;
}

const REQUEST_MS = 10_000;

/** @returns where it listens. @throws SetupError where it cannot listen there */
export async function serveOperations(options: OperationsServerOptions): Promise<{ url: string; close(): Promise<void> }> {
  const { host, port, metrics, readiness } = options;
  const answers: Record<string, (response: ServerResponse) => Promise<void>> = {
    async '/metrics'(response) {
      const text = await metrics.scrape();
      response.writeHead(200, { 'content-type': PROMETHEUS_TEXT }).end(text);
    },
    async '/health/live'(response) {
      sendJson(response, 200, { status: 'live' });
    },
    async '/health/ready'(response) {
      const missing = await readiness();
      sendJson(response, missing.length === 0 ? 200 : 503, readinessBody(missing));
    },
  };
  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    const answer = answers[request.url?.split('?')[0] ?? ''];
    if (answer === undefined) {
      sendJson(response, 404, { message: `Here are ${Object.keys(answers).join(', ')}.` });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendJson(response, 405, { message: 'Use GET.' });
    } else {
      answer(response).catch(() => {
        if (!response.headersSent) sendJson(response, 500, { message: 'It cannot be said.' });
        else response.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new SetupError(
          `Cannot listen on ${host}:${port} for metrics (${error.code}): set TIDEMARK_METRICS to another HOST:PORT, or leave it out.`,
          {
            cause: error,
          },
        ),
      ),
    );
    server.listen({ host, port }, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** As every door says it. */
export function readinessBody(missing: readonly string[]): { status: 'ready' } | { status: 'not ready'; missing: readonly string[] } {
  return missing.length === 0 ? { status: 'ready' } : { status: 'not ready', missing };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }).end(JSON.stringify(body));
}
