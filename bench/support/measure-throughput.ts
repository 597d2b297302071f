/**
 * Snapshots of many logs that all become ready in one commit: how many a second a worker takes, until the last entry is cleared. The baseline
 * takes snapshots of as many logs in a database of its own, on the same server.
 */

import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createRegistry } from '../../src/registry.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { startWorker } from '../../src/temporal/start-worker.ts';
import type { ClaimOptions } from '../../src/work/claim.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { alternate, type Measured, timed } from './figure.ts';
import { askForSnapshots, fillSheetLogs, logIdsOf, type SheetLogs, untilCleared } from './sheet-logs.ts';

const LOGS = 2_000;
const ENTRIES = 100;
const ROUNDS = 5;

export interface ThroughputOptions {
  claim: Partial<ClaimOptions>;
  /** Everything beside the time that runs. @returns does the work of one round; and what ends it all */
  baseline: (
    database: BenchDatabase,
    blobs: BlobStore,
  ) => Promise<{ run(logIds: string[], sequenceId: bigint): Promise<void>; stop(): Promise<void> }>;
}

export async function measureThroughput(environment: Environment, { claim, baseline }: ThroughputOptions): Promise<Measured> {
  const [ours, theirs] = await Promise.all([environment.database(), environment.database()]);
  const ourBlobs = createDirectoryBlobStore({ path: await environment.folder() });
  const plain = await baseline(theirs, createDirectoryBlobStore({ path: await environment.folder() }));
  const worker = startWorker({
    registry: createRegistry({ logTypes: [sheet] }),
    pool: ours.pool,
    statements: ours.statements,
    schema: 'tidemark',
    blobs: ourBlobs,
    temporal: await environment.temporal(),
    starter: { connectionString: ours.url, claim, log: (_, message) => environment.say(message) },
  });
  const logsOf = (round: number): SheetLogs => ({ prefix: `r${round}`, logs: LOGS, entries: ENTRIES });
  const perSecond = (milliseconds: number) => LOGS / (milliseconds / 1_000);
  try {
    const { wake } = await worker;
    return await alternate({
      rounds: ROUNDS,
      async value(round) {
        const logs = logsOf(round);
        await fillSheetLogs(ours, logs);
        await askForSnapshots(ours, logs);
        const rate = perSecond(
          await timed(async () => {
            wake();
            await untilCleared(ours);
          }),
        );
        environment.say(`  ours ${rate.toFixed(0)}/s`);
        return rate;
      },
      async baseline(round) {
        const logs = logsOf(round);
        await fillSheetLogs(theirs, logs);
        await askForSnapshots(theirs, logs);
        const rate = perSecond(await timed(() => plain.run(logIdsOf(logs), BigInt(ENTRIES))));
        environment.say(`  baseline ${rate.toFixed(0)}/s`);
        return rate;
      },
    });
  } finally {
    await Promise.all([
      worker.then(
        ({ stop }) => stop(),
        () => {},
      ),
      plain.stop(),
    ]);
  }
}
