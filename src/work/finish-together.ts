/**
 * Ends of one burst that come at the same time are one statement: while one is on its way the next ones gather. Each is still recorded for its own
 * unit, or refused for it; nobody waits for more to come.
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

/** @returns ends a unit of no entry, without a result. It throws FencedError where another attempt has taken over */
export function finishTogether(db: Database): (unit: Unit) => Promise<void> {
  let gathered: Waiting[] = [];
  let flushing = false;

  const flush = async () => {
    flushing = true;
    while (gathered.length > 0) {
      const batch = gathered;
      gathered = [];
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
      }
    });
}
