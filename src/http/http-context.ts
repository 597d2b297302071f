/** What every file of routes gets. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Database } from '../postgres/queryable.ts';
import type { Schedules } from '../schedules/schedules.ts';
import type { Tidemark } from '../tidemark.ts';

/** Of live streams. */
export interface EventOptions {
  /** Most streams at once. Default 2,000. */
  maxStreams?: number | undefined;
  /** And of one caller. Default: half of them. */
  maxStreamsOfOne?: number | undefined;
  /** How long a stream goes on before its reader has to ask again, in ms. Default: as long as it is allowed. */
  maxStreamMs?: number | undefined;
  /** Bytes that may wait for a reader before it is cut off. Default 1 MiB. */
  maxWaitingBytes?: number | undefined;
  /** Default 15,000. */
  heartbeatMs?: number | undefined;
  /** How often logs are looked at without a hint, and where work is pending. Default 1,000 and 250. */
  pollMs?: number | undefined;
  pendingPollMs?: number | undefined;
}

export interface HttpContext {
  tidemark: Tidemark;
  db: Database;
  /** Absent: what is asked of them is refused (`not_exposed`), and the page has no link to them. */
  schedules?: Schedules | undefined;
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
