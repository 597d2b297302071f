/** Stands between a store and a real S3 server, keeps what is asked, and gets in the way: refuses, holds, loses or breaks off an answer. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * 'hold': the server never hears of it, and the caller gets no answer. 'lose-answer': the server has done it, the connection breaks.
 * 'break-off': half of the answer's body. 'as-amazon': a space in a listing is written `+`, where moto writes `%20`.
 * A status and code: the answer that S3 would give, in the words of a server that repeats what it was told.
 */
export type S3Interference = 'hold' | 'lose-answer' | 'break-off' | 'as-amazon' | { status: number; code: string };

export interface S3Proxy {
  readonly endpoint: string;
  /** `PUT /bucket/key?query`, of all requests since the last `interfere`. */
  readonly requests: string[];
  /** What happens to a request from now on; undefined: it passes. */
  interfere(rule: (request: string, earlier: readonly string[]) => S3Interference | undefined): void;
  close(): Promise<void>;
}

export async function startS3Proxy(upstream: string): Promise<S3Proxy> {
  const requests: string[] = [];
  let rule: Parameters<S3Proxy['interfere']>[0] = () => undefined;

  const server = http.createServer((request, response) => {
    const asked = `${request.method} ${request.url}`;
    const interference = rule(asked, [...requests]);
    requests.push(asked);
    if (interference === 'hold') return;
    if (typeof interference === 'object') {
      request.resume();
      response.writeHead(interference.status, { 'content-type': 'application/xml' });
      response.end(
        `<?xml version="1.0"?><Error><Code>${interference.code}</Code><Message>You said ${request.headers.authorization}</Message></Error>`,
      );
      return;
    }
    const { method, url, headers } = request;
    const forwarded = http.request(new URL(upstream), { method, path: url, headers, agent: false } as http.RequestOptions, (answer) => {
      if (interference === 'lose-answer') {
        answer.resume().on('end', () => request.socket.destroy());
        return;
      }
      const { 'content-length': _, ...answered } = answer.headers;
      response.writeHead(answer.statusCode ?? 500, interference === 'as-amazon' ? answered : answer.headers);
      if (interference === 'break-off') {
        answer.once('data', (chunk: Buffer) => {
          response.write(chunk.subarray(0, chunk.length >> 1), () => request.socket.destroy());
          answer.destroy();
        });
        return;
      }
      if (interference === 'as-amazon') {
        answer.setEncoding('utf8').on('data', (text: string) => response.write(text.replaceAll('%20', '+')));
        answer.on('end', () => response.end());
        return;
      }
      answer.pipe(response);
    });
    forwarded.on('error', () => request.socket.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    interfere(next) {
      requests.length = 0;
      rule = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
