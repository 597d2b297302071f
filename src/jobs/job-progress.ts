/**
 * How far a job is, as its handler says it. What comes faster than people can look is written together: the newest, a few times a second, one write at a time,
 * so that none overtakes a later one. What is left, or could not be written, is written before the attempt ends.
 */
import { InvalidInputError } from '../errors.ts';

export interface JobProgress {
  /** From 0 to 1. */
  fraction?: number;
  /** What it is at, for people. At most 500 characters. */
  message?: string;
  /** Numbers by name: rows read, files written. At most 100. */
  counts?: Readonly<Record<string, number>>;
}

export interface ProgressRecorder {
  /** What is left out stays as it was; counts are taken name by name. */
  say(update: number | JobProgress): Promise<void>;
  /** Writes what has been said last, once more: a sign of life. */
  beat(): Promise<void>;
  /** Writes what has not been; done when nothing is under way. */
  flush(): Promise<void>;
}

const WRITE_EVERY_MS = 200;

/** @param write throws FencedError when another attempt has taken over: the next `say` does, too */
export function createProgressRecorder(earlier: JobProgress, write: (progress: JobProgress) => Promise<void>): ProgressRecorder {
  let current = earlier;
  let isWritten = true;
  let writing: Promise<void> | undefined;
  let writtenAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let failure: { error: unknown } | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    while (writing) {
      // Whoever began it hears of its failure.
      await writing.catch(() => {});
    }
    if (!isWritten) {
      isWritten = true;
      writtenAt = performance.now();
      writing = write(current).finally(() => {
        writing = undefined;
      });
      await writing.catch((error: unknown) => {
        isWritten = false;
        throw error;
      });
    }
  }

  return {
    async say(update) {
      if (failure) throw failure.error;
      const { counts, ...rest } = checkProgress(typeof update === 'number' ? { fraction: update } : update);
      current = { ...current, ...rest, ...(counts ? { counts: { ...current.counts, ...counts } } : {}) };
      isWritten = false;
      const waitMs = writtenAt + WRITE_EVERY_MS - performance.now();
      if (waitMs <= 0) {
        await flush();
        return;
      }
      timer ??= setTimeout(() => {
        flush().catch((error: unknown) => {
          failure = { error };
        });
      }, waitMs);
    },
    beat() {
      isWritten = false;
      return flush();
    },
    flush,
  };
}

/** @throws InvalidInputError */
function checkProgress(update: JobProgress): JobProgress {
  const { fraction, message, counts } = update;
  if (fraction !== undefined && !(fraction >= 0 && fraction <= 1)) {
    throw new InvalidInputError(`A progress of ${fraction} cannot be shown: give a fraction from 0 to 1.`);
  }
  const numbers = Object.entries(counts ?? {});
  const broken = numbers.find(([, value]) => !Number.isFinite(value));
  if (broken || numbers.length > 100) {
    throw new InvalidInputError(
      broken
        ? `The count '${broken[0]}' is ${broken[1]}: give a number.`
        : `${numbers.length} counts are too many to show: give at most 100.`,
    );
  }
  return {
    ...(fraction === undefined ? {} : { fraction }),
    ...(message === undefined ? {} : { message: String(message).replaceAll('\0', '').slice(0, 500) }),
    ...(counts === undefined ? {} : { counts }),
  };
}
