/**
 * How the server ends: what comes new is refused, streams end, requests are finished, and after a deadline whatever is left is cut off.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { UnavailableError } from '../errors.ts';

export const CLOSE_DEADLINE_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** @returns aborted when it begins to close: whoever holds a stream ends it then */
export function refuseWhenClosing(app: FastifyInstance): AbortSignal {
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  app.addHook('preClose', async () => {
    closing.abort();
    // Browsers open connections before they need them. Until the first byte, Node does not count them as idle.
    for (const socket of sockets) {
      if (socket.bytesRead === 0) socket.destroy();
    }
  });
  app.addHook('onRequest', async () => {
    if (closing.signal.aborted) {
      throw new UnavailableError('This server is stopping: send the request again, to whichever is there then.');
    }
  });
  // A connection that could be used again would be waited for.
  app.addHook('onSend', async (_request, reply) => {
    if (closing.signal.aborted) reply.header('connection', 'close');
  });
  return closing.signal;
}

/** Done when every request is over, or was cut off. Idempotent. */
export async function closeHttp(app: FastifyInstance, deadlineMs: number = CLOSE_DEADLINE_MS): Promise<void> {
  const cutOff = setTimeout(() => app.server.closeAllConnections(), deadlineMs);
  // Those whose last answer had begun before are idle only later.
  const look = setInterval(() => app.server.closeIdleConnections(), LOOK_EVERY_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(cutOff);
    clearInterval(look);
  }
}
