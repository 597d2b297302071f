/**
 * Streams of Server-Sent Events that are open: how many there may be, their heartbeats, and their end: after their longest time, when the server stops, or
 * when what waits for a slow reader is too much.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { limitKey } from './access.ts';
import { OPENING } from './event-text.ts';
import { fewAtOnce } from './few-at-once.ts';
import type { EventOptions } from './http-context.ts';
import { createStreamReader, type StreamReader } from './stream-reader.ts';

export interface Streams {
  /** Takes a place. @throws TooManyRequestsError where there is none. @returns gives it back, once */
  begin(request: FastifyRequest): () => void;
  /**
   * Begins the answer, once nothing can be refused any more.
   * @param over of the response, not aborted yet. @param onEnd when nothing is written any more, whoever has ended it
   */
  open(request: FastifyRequest, reply: FastifyReply, over: AbortSignal, onEnd: (reader: StreamReader) => void): StreamReader;
}

export const EVENT_STREAM = 'text/event-stream';
/** Where there is no room for another stream. */
const RETRY_AFTER_MS = 5_000;

export function createStreams(closing: AbortSignal, events: EventOptions = {}): Streams {
  const { maxStreams = 2_000, maxStreamsOfOne, maxStreamMs, maxWaitingBytes = 1_048_576, heartbeatMs = 15_000 } = events;
  const readers = new Set<StreamReader>();
  const take = fewAtOnce({ what: 'streams', most: maxStreams, mostOfOne: maxStreamsOfOne, retryAfterMs: RETRY_AFTER_MS });
  const heartbeat = setInterval(() => {
    for (const reader of readers) reader.heartbeat();
  }, heartbeatMs).unref();
  const end = () => {
    clearInterval(heartbeat);
    for (const reader of readers) reader.end();
  };
  closing.addEventListener('abort', end, { once: true });

  return {
    begin: (request) => take(limitKey(request)),
    open(request, reply, over, onEnd) {
      const response = reply.raw;
      // Not all that began together end together.
      const timer = maxStreamMs === undefined ? undefined : setTimeout(() => reader.end(), maxStreamMs * (1 - Math.random() / 5)).unref();
      const reader = createStreamReader({
        request: request.raw,
        response,
        over,
        maxWaitingBytes,
        onEnd() {
          clearTimeout(timer);
          readers.delete(reader);
          onEnd(reader);
        },
      });
      readers.add(reader);
      const headers = { 'content-type': EVENT_STREAM, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
      response.writeHead(200, { ...reply.getHeaders(), ...headers } as Record<string, string>);
      response.socket?.setNoDelay(true);
      response.write(OPENING);
      return reader;
    },
  };
}
