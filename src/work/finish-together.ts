/**
 * Ends of one burst that come at about the same time are one statement: while one is on its way, and for some milliseconds after it was sent, the next
 * ones gather. Each is still recorded for its own unit, or refused for it. One that comes after a pause waits for nothing.
 */
import { FencedError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { finishBatch } from './end.ts';
import type { Unit } from './unit.ts';

interface Waiting {
  unit: Unit;
  resolve(): void;
  reject(error: unknown): void;
}

/** From one statement to the next, unless as many ends have gathered before. Each costs a round trip and a write to the disk, however many it ends. */
const GATHER_MS = 25;

/**
 * @param enough so many are not kept waiting for more
 * @returns ends a unit of no entry, without a result. It throws FencedError where another attempt has taken over
 */
export function finishTogether(db: Database, enough: number): (unit: Unit) => Promise<void> {
  let gathered: Waiting[] = [];
  let flushing = false;
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
      const done = await finishBatch(
        db,
        batch.map(({ unit }) => unit),
      );
      for (const { unit, resolve, reject } of batch) {
        if (done.has(unit.id)) resolve();
        else reject(new FencedError(unit.id));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  const flush = async () => {
    while (gathered.length > 0) {
      const batch = gathered;
      gathered = [];
      const next = performance.now() + GATHER_MS;
      await end(batch);
      if (gathered.length < enough && performance.now() < next) {
        await gather(next);
      }
    }
    flushing = false;
  };

  return (unit) =>
    new Promise((resolve, reject) => {
      gathered.push({ unit, resolve, reject });
      if (!flushing) {
        flushing = true;
        // After those that end in the same turn of the event loop.
        setImmediate(flush);
      } else if (gathered.length >= enough) {
        onEnough();
      }
    });
}
