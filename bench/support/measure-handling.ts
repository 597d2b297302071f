/** From a commit to what it asks for handled, fifty commits a second, against a bare workflow that does the same work: select 100 entries, fold, write a file. */
import { setTimeout as delay } from 'node:timers/promises';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { startBareWorker } from './bare-worker.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { alternate, durationFigure, type Figure, quantile, reportedFigure } from './figure.ts';
import { plainSnapshot } from './plain-snapshot.ts';
import { fillSheetLogs } from './sheet-logs.ts';

const PER_SECOND = 50;
const UNITS = 150;
const ENTRIES = 100;
const ROUNDS = 5;

export interface HandledApp {
  /** Commits what asks for the work of this id. */
  ask(id: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param name of the figure of the medians; that of the slowest in a hundred ends in '-p99'
 * @param start with what the handler does
 */
export async function measureHandling(
  environment: Environment,
  { name, what }: { name: string; what: string },
  start: (database: BenchDatabase, carryOut: (id: number) => Promise<void>) => Promise<HandledApp>,
): Promise<Figure[]> {
  const database = await environment.database();
  const blobs = createDirectoryBlobStore({ path: await environment.folder() });
  const handled = new Map<number, () => void>();
  const app = await start(database, async (id) => {
    await plainSnapshot(database, blobs, logIdOf(id), BigInt(ENTRIES));
    handled.get(id)?.();
  });
  const bare = await startBareWorker(environment, database, blobs);
  const all = { value: [] as number[], baseline: [] as number[] };
  const round = async (side: 'value' | 'baseline', number: number) => {
    const durations = await measureRound(async (index) => {
      const id = (number * 2 + (side === 'value' ? 0 : 1)) * UNITS + index;
      if (side === 'value') {
        const done = new Promise<void>((resolve) => handled.set(id, resolve));
        await app.ask(id);
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
    await fillSheetLogs(database, { prefix: 'log', logs: (ROUNDS + 1) * 2 * UNITS, entries: ENTRIES });
    const p50 = await alternate({
      rounds: ROUNDS,
      value: (number) => round('value', number),
      baseline: (number) => round('baseline', number),
    });
    const p99 = { value: quantile(all.value, 0.99), baseline: quantile(all.baseline, 0.99) };
    const note = `${what}, ${PER_SECOND} a second; baseline: a bare workflow, eager start, one local activity`;
    return [
      durationFigure({ name, unit: 'ms', note: `p50 of ${note}` }, p50, 2),
      reportedFigure({ name: `${name}-p99`, unit: 'ms', note: `p99 of ${note}` }, p99),
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
    Array.from({ length: UNITS }, async (_, index) => {
      await delay(start + (index * 1_000) / PER_SECOND - performance.now());
      return one(index);
    }),
  );
}
