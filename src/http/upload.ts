/**
 * The body of a request as bytes that are read as they come: counted, for a limited time, and no longer than somebody sends them.
 *
 * Reading them never breaks the connection off: who sends a file that is refused half way is told so, and has some seconds to stop sending.
 */
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InvalidInputError, TidemarkError } from '../errors.ts';
import { whenOver } from './response-over.ts';

export interface UploadLimits {
  limitBytes: number;
  timeoutMs: number;
}

export interface Upload {
  /** Aborted when the client has gone, or the time is over. */
  readonly signal: AbortSignal;
  /** To be read once. @throws TidemarkError 'too_large'; the signal's reason */
  bytes(): AsyncGenerator<Uint8Array, void, undefined>;
  /** Nobody is there to be answered, or was answered already. */
  isGone(): boolean;
  /** What to answer where `error` is only what came of it. */
  reasonFor(error: unknown): unknown;
  /** The answer is known. */
  end(): void;
}

const ENCODINGS = [undefined, 'identity', 'gzip'];

/** Before anything of it is read. @throws TidemarkError, InvalidInputError */
export function checkUpload({ headers, body }: FastifyRequest, limitBytes: number): void {
  if (body === undefined || body === null) {
    throw new InvalidInputError('There is no file: send it as the body of this request.');
  }
  if (!ENCODINGS.includes(headers['content-encoding'])) {
    throw new TidemarkError('unsupported_media_type', 'The file may be sent as it is or in gzip: leave out other content encodings.');
  }
  if (Number(headers['content-length']) > limitBytes) {
    throw tooLarge(limitBytes);
  }
}

export function uploadOf(request: FastifyRequest, reply: FastifyReply, { limitBytes, timeoutMs }: UploadLimits): Upload {
  const payload = request.body as Readable;
  // Whoever reads finds it in the stream.
  payload.on('error', () => {});
  const over = new AbortController();
  let isGone = false;
  let refusal: TidemarkError | undefined;
  const timer = setTimeout(() => {
    refusal = new TidemarkError('request_timeout', `The upload has taken more than the ${Math.ceil(timeoutMs / 1_000)} s that it may.`);
    over.abort(refusal);
  }, timeoutMs);
  whenOver(request.raw, reply.raw, () => {
    isGone ||= !reply.raw.writableFinished;
    over.abort(new Error('The client has gone.'));
  });

  return {
    signal: over.signal,
    async *bytes() {
      for (let bytes = 0; ; ) {
        over.signal.throwIfAborted();
        const chunk = payload.read() as Uint8Array | null;
        if (chunk !== null) {
          bytes += chunk.length;
          if (bytes > limitBytes) {
            refusal = tooLarge(limitBytes);
            throw refusal;
          }
          yield chunk;
        } else if (payload.errored) {
          throw payload.errored;
        } else if (payload.readableEnded) {
          return;
        } else {
          await untilChange(payload, over.signal);
        }
      }
    },
    isGone: () => isGone || reply.sent || request.raw.errored !== null,
    reasonFor: (error) => refusal ?? error,
    end() {
      clearTimeout(timer);
      // Nobody waits for more of it.
      over.abort(new Error('The upload is over.'));
    },
  };
}

/** Leaves no listener behind: with one, a stream that is to be thrown away would stand still. */
function untilChange(payload: Readable, signal: AbortSignal): Promise<void> {
  const events = ['readable', 'end', 'error', 'close'];
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) {
        payload.off(event, done);
      }
      signal.removeEventListener('abort', done);
      resolve();
    };
    for (const event of events) {
      payload.on(event, done);
    }
    signal.addEventListener('abort', done);
  });
}

function tooLarge(limitBytes: number): TidemarkError {
  return new TidemarkError(
    'too_large',
    `The file is over the limit of ${limitBytes} bytes. Send it in parts, or import it with the tidemark command.`,
  );
}
