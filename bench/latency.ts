/** From a commit to its entry cleared, twenty commits a second, against a bare workflow that does the same work. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../src/blob-store/directory-blob-store.ts';
import { createRegistry } from '../src/registry.ts';
import { sheet } from '../src/spreadsheet/sheet.ts';
import { startWorker } from '../src/temporal/start-worker.ts';
import { createTidemark } from '../src/tidemark.ts';
import { startBareWorker } from './support/bare-worker.ts';
import { type ClearedListener, listenForCleared } from './support/cleared.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, quantile, reportedFigure } from './support/figure.ts';
import { fillSheetLogs, logIdsOf } from './support/sheet-logs.ts';

const PER_SECOND = 20;
const UNITS = 100;
const ENTRIES = 100;
const ROUNDS = 7;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const ours = await prepareOurs(environment);
  const theirs = await prepareTheirs(environment).catch(async (error) => {
    await ours.stop();
    throw error;
  });
  const all = { value: [] as number[], baseline: [] as number[] };
  try {
    const p50 = await alternate({
      rounds: ROUNDS,
      value: async (round) => p50Of(all.value, round, await ours.round(round)),
      baseline: async (round) => p50Of(all.baseline, round, await theirs.round(round)),
    });
    const p99 = { value: quantile(all.value, 0.99), baseline: quantile(all.baseline, 0.99) };
    const note = `commit to cleared, ${PER_SECOND} a second, logs of ${ENTRIES} entries; baseline: a bare workflow, eager start, one local activity`;
    return [
      durationFigure({ name: 'latency', unit: 'ms', note: `p50 of ${note}` }, p50, 2),
      reportedFigure({ name: 'latency-p99', unit: 'ms', note: `p99 of ${note}` }, p99),
    ];
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
  }
}

/** The first round is a warm-up, here as in the medians. */
function p50Of(all: number[], round: number, durations: number[]): number {
  if (round > 0) {
    all.push(...durations);
  }
  return quantile(durations, 0.5);
}

interface Side {
  /** Milliseconds of each unit. */
  round(number: number): Promise<number[]>;
  stop(): Promise<void>;
}

async function prepareOurs(environment: Environment): Promise<Side> {
  const { database, cleared, blobs } = await prepareDatabase(environment);
  const tidemark = createTidemark({ db: database.pool, blobs, connectionString: database.url });
  const worker = await startWorker({
    registry: createRegistry({ logTypes: [sheet] }),
    pool: database.pool,
    statements: database.statements,
    schema: 'tidemark',
    blobs,
    temporal: await environment.temporal(),
    starter: { connectionString: database.url, log: (_, message) => environment.say(message) },
  });
  return {
    round: (number) =>
      measureRound(database, cleared, `ours-${number}`, (logId) =>
        tidemark.transaction(async ({ log }) => {
          await log(sheet, logId).append(
            { type: 'SetCellValueAndFormat', row: 7, column: 7, value: 7 },
            { expect: 'any', pending: 'snapshot' },
          );
        }),
      ),
    async stop() {
      await Promise.all([worker.stop(), tidemark.close(), cleared.stop()]);
    },
  };
}

async function prepareTheirs(environment: Environment): Promise<Side> {
  const { database, cleared, blobs } = await prepareDatabase(environment);
  const worker = await startBareWorker(environment, database, blobs);
  return {
    round: (number) =>
      measureRound(
        database,
        cleared,
        `theirs-${number}`,
        async (logId) => {
          await database.pool.query(
            `select tidemark.append_entries($1, null, array['SetCellValueAndFormat'], array['{"row":7,"column":7,"value":7}'], null, null, array['snapshot'])`,
            [logId],
          );
        },
        (logId) => worker.run(logId, BigInt(ENTRIES + 1)),
      ),
    async stop() {
      await Promise.all([worker.stop(), cleared.stop()]);
    },
  };
}

async function prepareDatabase(environment: Environment): Promise<{ database: BenchDatabase; cleared: ClearedListener; blobs: BlobStore }> {
  const database = await environment.database();
  return { database, cleared: await listenForCleared(database), blobs: createDirectoryBlobStore({ path: await environment.folder() }) };
}

async function measureRound(
  database: BenchDatabase,
  cleared: ClearedListener,
  prefix: string,
  commit: (logId: string) => Promise<void>,
  afterCommit: (logId: string) => Promise<void> = async () => {},
): Promise<number[]> {
  const logs = { prefix, logs: UNITS, entries: ENTRIES };
  await fillSheetLogs(database, logs);
  const start = performance.now();
  return Promise.all(
    logIdsOf(logs).map(async (logId, index) => {
      await delay(start + (index * 1_000) / PER_SECOND - performance.now());
      const clearedAt = cleared.next(logId);
      await commit(logId);
      const committedAt = performance.now();
      await afterCommit(logId);
      return (await clearedAt) - committedAt;
    }),
  );
}
