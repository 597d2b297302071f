/** Who is answered while it still sends has some seconds to stop: a connection that is closed under it would take the answer with it. */
import type { FastifyReply, FastifyRequest } from 'fastify';

const LINGER_MS = 5_000;

/** Call it before anything is refused; twice is as once. */
export function lingerAfter(request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => {
    if (request.raw.complete) {
      return;
    }
    request.raw.resume();
    setTimeout(() => {
      if (!request.raw.complete) {
        request.raw.destroy();
      }
    }, LINGER_MS).unref();
  });
}
