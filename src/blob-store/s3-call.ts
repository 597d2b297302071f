/**
 * Every call to S3 goes through here: it has one deadline, tries included, and comes back with an error of ours.
 *
 * What can pass (no answer, throttling, 5xx) is tried up to 6 times. Back-off (ms), each with half of it at random: 100, 200, 400, 800, 1600.
 * The deadline also ends what the SDK does not give up by itself, such as looking for credentials.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { explainS3Error, isWorthAnotherTry } from './s3-error.ts';

const MAX_TRIES = 6;
const FIRST_BACK_OFF_MS = 100;

/** `run` may be called several times; what it throws is an error of the SDK. @throws UnavailableError, SetupError */
export type S3Call = <T>(operation: string, run: (signal: AbortSignal) => Promise<T>) => Promise<T>;

export interface S3CallOptions {
  /** For messages: which bucket, and where. */
  place: string;
  deadlineMs: number;
}

export function createS3Call({ place, deadlineMs }: S3CallOptions): S3Call {
  return async function call(operation, run) {
    const deadline = AbortSignal.timeout(deadlineMs);
    for (let tries = 1; ; tries += 1) {
      try {
        return await beforeDeadline(deadline, run);
      } catch (error) {
        const explained = explainS3Error(error, { operation, place });
        if (tries === MAX_TRIES || deadline.aborted || !isWorthAnotherTry(error)) {
          throw explained;
        }
        const waited = await wait(FIRST_BACK_OFF_MS * 2 ** (tries - 1), deadline);
        if (!waited) {
          throw explained;
        }
      }
    }
  };
}

async function beforeDeadline<T>(deadline: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  let stop = () => {};
  const passed = new Promise<never>((_, reject) => {
    stop = () => reject(deadline.reason);
    deadline.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([run(deadline), passed]);
  } finally {
    deadline.removeEventListener('abort', stop);
  }
}

/** @returns false where the deadline comes first */
async function wait(backOffMs: number, deadline: AbortSignal): Promise<boolean> {
  try {
    await delay(backOffMs * (0.5 + Math.random() / 2), undefined, { signal: deadline });
    return true;
  } catch {
    return false;
  }
}
