/**
 * A request that does not come is not waited for: its head has a deadline (of Node's own, where the server is ours), a body that is read as a whole another,
 * and a body that a handler reads as it comes has to go on coming. 408, and the connection is closed.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RequestTimeoutError } from './refusals.ts';
import { whenOver } from './response-over.ts';

export function refuseSlowRequests(app: FastifyInstance, timeoutMs: number): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();

  const end = (request: FastifyRequest, reply: FastifyReply) => {
    clearInterval(timers.get(request));
    if (request.raw.complete || reply.sent) return;
    reply.header('connection', 'close').send(new RequestTimeoutError(timeoutMs));
  };

  app.addHook('onRequest', (request, reply, done) => {
    if (hasBody(request)) {
      timers.set(
        request,
        setTimeout(() => end(request, reply), timeoutMs),
      );
      whenOver(request.raw, reply.raw, () => clearInterval(timers.get(request)));
    }
    done();
  });
  // What was read as a whole is there by now.
  app.addHook('preValidation', (request, reply, done) => {
    clearTimeout(timers.get(request));
    const { raw } = request;
    if (timers.has(request) && !raw.complete && !reply.raw.destroyed) {
      let seen: number | undefined = raw.socket.bytesRead;
      const look = () => {
        const { bytesRead } = raw.socket;
        if (raw.complete) clearInterval(timers.get(request));
        // Bytes that wait to be read: it is the handler that is slow. It may take them a moment before the next look.
        else if (raw.readableLength > 0) seen = undefined;
        else if (bytesRead === seen) end(request, reply);
        else seen = bytesRead;
      };
      timers.set(request, setInterval(look, timeoutMs));
    }
    done();
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
