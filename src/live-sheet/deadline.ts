/** Promises that are not waited for without end. What they stand for may go on: nobody listens to it any more. */
import { UnavailableError } from '../errors.ts';

/**
 * @param what did not answer, as the beginning of a sentence
 * @throws UnavailableError after `ms`; the signal's reason when it is aborted first
 */
export type WithDeadline = <T>(promise: Promise<T>, ms: number, what: string) => Promise<T>;

/** One listener on `signal`, however many wait. */
export function createDeadlines(signal: AbortSignal): WithDeadline {
  const waiting = new Set<(reason: unknown) => void>();
  const onAbort = () => {
    for (const reject of waiting) {
      reject(signal.reason);
    }
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return (promise, ms, what) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        promise.catch(() => {});
        reject(signal.reason);
        return;
      }
      const end = () => {
        clearTimeout(timer);
        waiting.delete(onEnd);
      };
      const onEnd = (reason: unknown) => {
        end();
        reject(reason);
      };
      const timer = setTimeout(() => onEnd(new UnavailableError(`${what} did not answer within ${ms} ms. It is tried again.`)), ms);
      waiting.add(onEnd);
      promise.then((value) => {
        end();
        resolve(value);
      }, onEnd);
    });
}

/** A quarter of a megabit a second. */
const SLOW_BYTES_PER_MS = 32;

/** How much longer an answer may take because so many bytes have to be sent first. */
export function sendingMs(bytes: number): number {
  return Math.ceil(bytes / SLOW_BYTES_PER_MS);
}
