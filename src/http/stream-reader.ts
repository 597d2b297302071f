/**
 * Somebody who follows a log over one connection. What waits for a slow one is bounded: then it is cut off, and resumes where it was when it
 * connects again.
 */
import type { ServerResponse } from 'node:http';
import { HEARTBEAT } from './event-text.ts';

export interface StreamReader {
  readonly isOver: boolean;
  /** Never waits. */
  write(bytes: Buffer): void;
  /** Resolves when there is room for more, or it is over. */
  writeInTurn(bytes: Buffer): Promise<void>;
  /** Cuts off one that has taken nothing since the last one. */
  heartbeat(): void;
  /** After what has been written. */
  end(): void;
}

export interface StreamReaderOptions {
  response: ServerResponse;
  /** Bytes that may wait. */
  maxWaitingBytes: number;
  onEnd: () => void;
}

export function createStreamReader({ response, maxWaitingBytes, onEnd }: StreamReaderOptions): StreamReader {
  let isOver = false;
  /** A heartbeat found bytes that wait. */
  let isLate = false;
  let wake = () => {};

  response.once('close', () => {
    isOver = true;
    wake();
    onEnd();
  });
  response.on('drain', () => {
    isLate = false;
    wake();
  });
  // The same news as its end.
  response.on('error', () => {});

  function write(bytes: Buffer): boolean {
    if (isOver) {
      return true;
    }
    if (response.writableLength > maxWaitingBytes) {
      response.destroy();
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
      if (isLate && response.writableLength > 0) {
        response.destroy();
        return;
      }
      isLate = response.writableLength > 0;
      write(HEARTBEAT);
    },
    end: () => void response.end(),
  };
}
