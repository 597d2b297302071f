/** What every file of routes gets. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Database } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import type { EventOptions } from './events.ts';

export interface HttpContext {
  tidemark: Tidemark;
  db: Database;
  /** Of Temporal's web UI, for links; absent: none are given. */
  uiUrl?: string | undefined;
  /** Temporal's. */
  namespace?: string | undefined;
  /** Limits of streams. */
  events?: EventOptions | undefined;
  /** Aborted when the server begins to stop: a route that holds a stream open ends it then. */
  closing: AbortSignal;
}

/** With schemas of zod for what comes in and goes out. */
export type HttpApp = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;
