/**
 * An answer that nobody takes is not kept: where bytes of it wait and none has left for so long, its connection is cut off, and what was held for it is free.
 * Slow is no offence: any progress counts. (The machine takes bytes for a reader who is away, and says that it has room again in steps of some 100 KB.) An answer
 * without bytes that wait is its handler's business.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { whenOver } from './response-over.ts';

/** In one timeout: it is cut off after that, and a quarter at most. */
const LOOKS = 4;

interface Watched {
  socket: Socket;
  written: number;
  queued: number;
  since: number;
}

/** Watches every request of routes registered after it. @returns watches one that no route was found for */
export function cutOffStalled(app: FastifyInstance, timeoutMs: number): (request: FastifyRequest, reply: FastifyReply) => void {
  const open = new Map<ServerResponse, Watched>();
  const watch = ({ raw }: FastifyRequest, reply: FastifyReply) => {
    open.set(reply.raw, { socket: raw.socket, ...progressOf(raw.socket), since: performance.now() });
    whenOver(raw, reply.raw, () => open.delete(reply.raw));
  };
  app.addHook('onRequest', (request, reply, done) => {
    watch(request, reply);
    done();
  });

  const look = setInterval(() => {
    const now = performance.now();
    for (const [response, watched] of open) {
      const { written, queued } = progressOf(watched.socket);
      // One that waits behind another of its connection has no socket yet.
      const waits = response.socket !== null && response.writableLength > 0;
      if (!waits || written !== watched.written || queued !== watched.queued) {
        Object.assign(watched, { written, queued, since: now });
      } else if (now - watched.since >= timeoutMs) {
        watched.socket.destroy();
      }
    }
  }, timeoutMs / LOOKS);
  look.unref();
  app.addHook('onClose', async () => clearInterval(look));
  return watch;
}

/**
 * Writes that are over, and what is left of the one that is not, which may have 16 MB. Node's own timeout of a socket looks at the same, but bytes that come in
 * would wind it up again. (Where a kind of socket does not say the latter, whole writes count.)
 */
function progressOf(socket: Socket): Pick<Watched, 'written' | 'queued'> {
  const { _handle } = socket as { _handle?: { writeQueueSize?: number } | null };
  return { written: socket.bytesWritten - socket.writableLength, queued: _handle?.writeQueueSize ?? 0 };
}
