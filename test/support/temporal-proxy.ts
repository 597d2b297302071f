/**
 * Stands between a client or worker and a real Temporal server, counts its calls and gets in their way: refuses, holds a request back,
 * forwards it and holds its answer back, or is not there at all.
 */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { until } from './until.ts';

/** gRPC status codes. */
export const RESOURCE_EXHAUSTED = 8;
export const INVALID_ARGUMENT = 3;

/** 'hold-request': it never reaches the server. 'hold-answer': the server has done it, the caller never hears. */
export type Interference = 'hold-request' | 'hold-answer' | Refusal;

interface Refusal {
  status: number;
  message: string;
  /** Only what has these bytes in its request. */
  ofThoseWith?: string;
}

export interface TemporalProxy {
  readonly address: string;
  /** What happens to calls of this method (`StartWorkflowExecution`) from now on; undefined: they pass. */
  interfere(method: string, interference: Interference | undefined): void;
  /** Calls that have arrived since the last `forget`. */
  calls(method: string): number;
  forget(): void;
  /** Done when this many calls of the method are held. */
  untilHeld(method: string, count?: number): Promise<void>;
  /** Breaks every connection and takes none until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
}

export async function startTemporalProxy(upstreamAddress: string): Promise<TemporalProxy> {
  const interferences = new Map<string, Interference>();
  const counts = new Map<string, number>();
  const held = new Map<string, number>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const holds = (method: string) => held.set(method, (held.get(method) ?? 0) + 1);

  const forward = (
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    method: string,
    holdAnswer: boolean,
    body?: Buffer,
  ) => {
    // One connection a call: what is broken here breaks one call.
    const upstream = http2.connect(`http://${upstreamAddress}`);
    const end = () => {
      upstream.destroy();
      if (!stream.destroyed) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    };
    upstream.on('error', end);
    stream.on('error', () => {});
    stream.on('close', () => upstream.destroy());
    const { ':authority': _, ...rest } = headers;
    const request = upstream.request(rest);
    request.on('error', end);
    if (body) request.end(body);
    else stream.pipe(request);
    if (holdAnswer) {
      request.on('data', () => {});
      request.on('end', () => holds(method));
      return;
    }
    let trailers: http2.IncomingHttpHeaders = {};
    request.on('trailers', (received) => {
      trailers = received;
    });
    request.on('response', (answer, flags) => {
      if (stream.destroyed) return;
      if (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) {
        stream.respond(answer, { endStream: true });
        return;
      }
      stream.respond(answer, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      request.pipe(stream);
    });
  };

  const serve = () => {
    const server = http2.createServer();
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => sessions.delete(session));
    });
    server.on('stream', (stream, headers) => {
      const method = String(headers[':path']).split('/').at(-1) as string;
      counts.set(method, (counts.get(method) ?? 0) + 1);
      const interference = interferences.get(method);
      if (interference === 'hold-request') {
        stream.on('error', () => {});
        stream.resume();
        holds(method);
      } else if (interference === undefined || interference === 'hold-answer') {
        forward(stream, headers, method, interference === 'hold-answer');
      } else {
        stream.on('error', () => {});
        const { status, message, ofThoseWith } = interference;
        const refuse = () =>
          stream.respond(
            { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status), 'grpc-message': message },
            { endStream: true },
          );
        if (ofThoseWith === undefined) {
          refuse();
          return;
        }
        const body: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => body.push(chunk));
        stream.on('end', () => {
          const request = Buffer.concat(body);
          if (request.includes(ofThoseWith)) refuse();
          else forward(stream, headers, method, false, request);
        });
      }
    });
    return server;
  };

  let server: http2.Http2Server | undefined;
  let port = 0;
  const open = async () => {
    const opening = serve();
    await new Promise<void>((resolve, reject) => {
      opening.once('error', reject);
      opening.listen(port, '127.0.0.1', resolve);
    });
    port = (opening.address() as AddressInfo).port;
    server = opening;
  };
  const shut = async () => {
    const closing = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()));
    for (const session of sessions) session.destroy();
    await closed;
  };

  await open();
  return {
    address: `127.0.0.1:${port}`,
    interfere: (method, interference) => void (interference ? interferences.set(method, interference) : interferences.delete(method)),
    calls: (method) => counts.get(method) ?? 0,
    forget: () => {
      counts.clear();
      held.clear();
    },
    untilHeld: async (method, count = 1) =>
      void (await until(`${count} calls of ${method} are held`, () => (held.get(method) ?? 0) >= count)),
    shut,
    open,
    close: shut,
  };
}
