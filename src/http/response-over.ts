/**
 * When an answer is over: sent, or its connection is gone. Whatever a request holds (a place, a stream, an import) ends with it, and is asked for here alone:
 * a client may have gone before anybody listens, and an answer that waits behind another one of its connection says nothing when that breaks.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const waitingFor = new WeakMap<Socket, Set<() => void>>();

/** @param done called once; at once where it is over already */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, done: () => void): void {
  if (response.destroyed || socket.destroyed) {
    done();
    return;
  }
  const waiting = waitingOn(socket);
  const over = () => {
    waiting.delete(over);
    response.off('close', over);
    done();
  };
  waiting.add(over);
  response.once('close', over);
}

/** @returns aborted when it is over */
export function untilOver(request: IncomingMessage, response: ServerResponse): AbortSignal {
  const over = new AbortController();
  whenOver(request, response, () => over.abort(new Error('The request is over.')));
  return over.signal;
}

/** One listener a connection, however many requests come over it. */
function waitingOn(socket: Socket): Set<() => void> {
  let waiting = waitingFor.get(socket);
  if (waiting === undefined) {
    const all = new Set<() => void>();
    waiting = all;
    waitingFor.set(socket, all);
    socket.once('close', () => {
      for (const over of [...all]) over();
    });
  }
  return waiting;
}
