/**
 * Ends of one burst that come at about the same time are one statement: while one is on its way, and for some milliseconds after it was sent, the next
 * ones gather. Each is still recorded for its own unit, or refused for it. One that comes after a pause waits for nothing.
 */
import { FencedError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { isContention } from './classify-error.ts';
import { finishBatch } from './end.ts';
import type { Unit } from './unit.ts';

interface Waiting {
  unit: Unit;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * From one statement to the next, for each end of the last one: the denser they come the more of them are one, and one by itself waits for little. Each
 * statement costs a round trip and a write to the disk, however many it ends.
 */
const GATHER_MS_PER_END = 10;
const GATHER_AT_MOST_MS = 50;

export interface EndsTogether {
  /** Ends a unit of no entry, without a result. @throws FencedError where another attempt has taken over */
  record(unit: Unit): Promise<void>;
  /** No more are gathered: somebody waits for the last ones. */
  hurry(): void;
}

/** @param enough so many are not kept waiting for more */
export function finishTogether(db: Database, enough: number): EndsTogether {
  let gathered: Waiting[] = [];
  let flushing = false;
  let hurried = false;
  let onEnough = () => {};

  const gather = (until: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, until - performance.now());
      onEnough = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const end = async (batch: readonly Waiting[]) => {
    try {
      const fenced = await finishBatch(
        db,
        batch.map(({ unit }) => unit),
      );
      for (const { unit, resolve, reject } of batch) {
        if (fenced.has(unit.id)) reject(new FencedError(unit.id));
        else resolve();
      }
    } catch (error) {
      if (batch.length > 1 && isContention(error)) {
        // It is of one of them: the others have not to do with it.
        await Promise.all(batch.map((one) => end([one])));
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  };

  const flush = async () => {
    while (gathered.length > 0) {
      const batch = gathered;
      gathered = [];
      const next = performance.now() + Math.min(batch.length * GATHER_MS_PER_END, GATHER_AT_MOST_MS);
      await end(batch);
      if (!hurried && gathered.length < enough && performance.now() < next) {
        await gather(next);
      }
    }
    flushing = false;
  };

  return {
    record: (unit) =>
      new Promise((resolve, reject) => {
        gathered.push({ unit, resolve, reject });
        if (!flushing) {
          flushing = true;
          // After those that end in the same turn of the event loop.
          setImmediate(flush);
        } else if (gathered.length >= enough) {
          onEnough();
        }
      }),
    hurry() {
      hurried = true;
      onEnough();
    },
  };
}
