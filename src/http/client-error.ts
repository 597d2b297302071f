/**
 * What comes over a connection and is no request: too slow, too long, not HTTP. It is answered as a problem and the connection closed. Nothing of it is logged:
 * the bytes may hold a token.
 */
import type { Socket } from 'node:net';
import { PROBLEM_TYPE } from './problem.ts';

const BY_CODE: Record<string, readonly [status: number, code: string, title: string, detail: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout', 'Request Timeout', 'The head of the request did not come in time: send it again.'],
  HPE_HEADER_OVERFLOW: [431, 'header_too_large', 'Request Header Fields Too Large', 'Path and headers may have 16 KiB: send less.'],
};
const LINGER_MS = 5_000;
const MALFORMED = [400, 'invalid_input', 'Bad Request', 'This is not an HTTP request.'] as const;

export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    return;
  }
  const [status, code, title, detail] = BY_CODE[error.code ?? ''] ?? MALFORMED;
  if (socket.writable) {
    const body = JSON.stringify({ type: `urn:tidemark:problem:${code}`, title, status, code, detail });
    socket.write(
      `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
  // It waits until everything is taken.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
