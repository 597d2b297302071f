/**
 * The API and the page inside of an application's own server, under a path of it, with the application's own answer to "who is there". What the application
 * has done to a request before (its logging, its sessions, its body parser) does no harm; what comes after is ours alone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { InvalidInputError } from '../errors.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import { readVersion } from '../version.ts';
import type { Authorize } from './access.ts';
import { CLOSE_DEADLINE_MS } from './closing.ts';
import { createHttpApp } from './http-app.ts';
import { whenOver } from './response-over.ts';

export interface HttpHandlerOptions {
  tidemark: Tidemark;
  /** Who is asking: `{ actor, scopes, logPrefixes? }`; undefined: nobody who is known (401). It sees the request as the server has it. */
  authorize: Authorize;
  /** Where the application has put it, such as `/tidemark`: the same as where it calls `handle`. Default: the root. */
  basePath?: string;
  /** Refuse everything that writes. */
  readOnly?: boolean;
  /** Of one caller. Default: as many as they like. */
  requestsPerMinute?: number;
  /** Most bytes of a JSON body. Default 4 MiB. */
  bodyLimit?: number;
  /**
   * `authorize` is asked again about a stream that stays open, with the request that it had at first. So a stream ends after this time, in ms, and whoever follows
   * comes again through the hooks of the application. Default 5 minutes.
   */
  maxStreamMs?: number;
  /** An answer of which bytes wait, and nobody takes any for so long, is cut off, in ms. Default 60,000. */
  stallTimeoutMs?: number;
  /** Of Temporal's web UI, without a slash at its end, and of its namespace: for links to executions. */
  uiUrl?: string;
  namespace?: string;
  /** A pino logger, or what has its methods: one line per request. Default: none. */
  logger?: FastifyBaseLogger;
}

export interface HttpHandler {
  /** Answers a request of Node's http, https or of what is built on them, such as Express. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Ends streams, and waits until requests are over; after the deadline, in ms, they are cut off. Default 10,000. Not the application's server, nor its `tidemark`. */
  close(deadlineMs?: number): Promise<void>;
}

const MAX_STREAM_MS = 5 * 60_000;

/** Loaded before it answers. @throws SetupError for a base path that is none */
export async function createHttpHandler({
  tidemark,
  authorize,
  maxStreamMs = MAX_STREAM_MS,
  ...options
}: HttpHandlerOptions): Promise<HttpHandler> {
  const db = inSchema(tidemark.db, tidemark.schema);
  const app = await createHttpApp({
    ...options,
    tidemark,
    db,
    authorize,
    events: { maxStreamMs },
    version: readVersion(),
    // Never listens.
    serverFactory: (handler) => createServer(handler),
  });
  app.addHook('preParsing', async ({ raw, headers }, _reply, payload) => (raw.readableEnded ? readAlready(raw, headers) : payload));
  await app.ready();
  const open = new Set<IncomingMessage>();

  return {
    handle(request, response) {
      open.add(request);
      whenOver(request, response, () => open.delete(request));
      const { originalUrl } = request as { originalUrl?: string };
      app.routing(request, response);
      // Express and what logs for it look there afterwards.
      if (originalUrl !== undefined) Object.assign(request, { originalUrl });
    },
    async close(deadlineMs = CLOSE_DEADLINE_MS) {
      const deadline = performance.now() + deadlineMs;
      await app.close();
      while (open.size > 0 && performance.now() < deadline) await delay(20);
      for (const { socket } of open) socket.destroy();
    },
  };
}

/** What a body parser of the application has left of a body. */
function readAlready(raw: IncomingMessage, headers: IncomingMessage['headers']): Readable {
  const { body } = raw as { body?: unknown };
  if (body === undefined) {
    throw new InvalidInputError('The body of this request was read before it came here: let Tidemark answer before anything reads bodies.');
  }
  const bytes = Buffer.isBuffer(body) || typeof body === 'string' ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body));
  // As sent, it may have been longer or compressed.
  return Object.assign(Readable.from([bytes]), { receivedEncodedLength: Number(headers['content-length'] ?? bytes.length) });
}
