/** From a commit to the message handled, fifty commits a second, against a bare workflow that does the same work. */
import { setTimeout as delay } from 'node:timers/promises';
import { createDirectoryBlobStore } from '../src/blob-store/directory-blob-store.ts';
import { startBareWorker } from './support/bare-worker.ts';
import type { Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, quantile, reportedFigure } from './support/figure.ts';
import { startMessageApp } from './support/message-app.ts';
import { plainSnapshot } from './support/plain-snapshot.ts';
import { fillSheetLogs } from './support/sheet-logs.ts';

const PER_SECOND = 50;
const MESSAGES = 150;
const ENTRIES = 100;
const ROUNDS = 5;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  const blobs = createDirectoryBlobStore({ path: await environment.folder() });
  const handled = new Map<number, () => void>();
  const app = await startMessageApp(environment, database, {
    units: async (id) => {
      await plainSnapshot(database, blobs, logIdOf(id), BigInt(ENTRIES));
      handled.get(id)?.();
    },
  });
  const bare = await startBareWorker(environment, database, blobs);
  const all = { value: [] as number[], baseline: [] as number[] };
  const round = async (side: 'value' | 'baseline', number: number) => {
    const durations = await measureRound(async (index) => {
      const id = (number * 2 + (side === 'value' ? 0 : 1)) * MESSAGES + index;
      if (side === 'value') {
        const done = new Promise<void>((resolve) => handled.set(id, resolve));
        await app.publish('units', id);
        return timeUntil(done);
      }
      await database.pool.query('select 1');
      return timeUntil(bare.run(logIdOf(id), BigInt(ENTRIES)));
    });
    if (number > 0) {
      all[side].push(...durations);
    }
    return quantile(durations, 0.5);
  };
  try {
    await fillSheetLogs(database, { prefix: 'log', logs: (ROUNDS + 1) * 2 * MESSAGES, entries: ENTRIES });
    const p50 = await alternate({
      rounds: ROUNDS,
      value: (number) => round('value', number),
      baseline: (number) => round('baseline', number),
    });
    const p99 = { value: quantile(all.value, 0.99), baseline: quantile(all.baseline, 0.99) };
    const note = `commit to handled, ${PER_SECOND} a second, one subscription; baseline: a bare workflow, eager start, one local activity`;
    return [
      durationFigure({ name: 'messages-latency', unit: 'ms', note: `p50 of ${note}` }, p50, 2),
      reportedFigure({ name: 'messages-latency-p99', unit: 'ms', note: `p99 of ${note}` }, p99),
    ];
  } finally {
    await Promise.all([app.stop(), bare.stop()]);
  }
}

const logIdOf = (id: number): string => `log-${id}`;

async function timeUntil(done: Promise<void>): Promise<number> {
  const committedAt = performance.now();
  await done;
  return performance.now() - committedAt;
}

async function measureRound(one: (index: number) => Promise<number>): Promise<number[]> {
  const start = performance.now();
  return Promise.all(
    Array.from({ length: MESSAGES }, async (_, index) => {
      await delay(start + (index * 1_000) / PER_SECOND - performance.now());
      return one(index);
    }),
  );
}
