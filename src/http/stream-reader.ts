/**
 * Somebody who follows a log over one connection. What waits for a slow one is bounded: then it is cut off, and resumes where it was when it
 * connects again. One that takes nothing at all is cut off as any answer is (stalled-responses.ts).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HEARTBEAT } from './event-text.ts';

export interface StreamReader {
  /** Nothing more is written. */
  readonly isOver: boolean;
  /** Never waits. */
  write(bytes: Buffer): void;
  /** Resolves when there is room for more, or it is over. */
  writeInTurn(bytes: Buffer): Promise<void>;
  /** Says that the stream is alive, where no bytes that wait do so. */
  heartbeat(): void;
  /** After what has been written. */
  end(): void;
}

export interface StreamReaderOptions {
  request: IncomingMessage;
  response: ServerResponse;
  /** Of the response, not aborted yet. */
  over: AbortSignal;
  /** Bytes that may wait. */
  maxWaitingBytes: number;
  onEnd: () => void;
}

export function createStreamReader({ request, response, over, maxWaitingBytes, onEnd }: StreamReaderOptions): StreamReader {
  let isOver = false;
  let wake = () => {};

  over.addEventListener('abort', () => {
    isOver = true;
    wake();
    onEnd();
  });
  response.on('drain', () => wake());
  // The same news as its end.
  response.on('error', () => {});

  function write(bytes: Buffer): boolean {
    if (isOver) {
      return true;
    }
    if (response.writableLength > maxWaitingBytes) {
      request.socket.destroy();
      return true;
    }
    return response.write(bytes);
  }

  return {
    get isOver() {
      return isOver;
    },
    write: (bytes) => void write(bytes),
    async writeInTurn(bytes) {
      if (!write(bytes) && !isOver) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = () => {};
      }
    },
    heartbeat() {
      if (response.writableLength === 0) write(HEARTBEAT);
    },
    end() {
      isOver = true;
      wake();
      response.end();
    },
  };
}
