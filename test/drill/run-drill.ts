/**
 * The drill: everything that may die is killed again and again while logs are appended to, messages published and rows changed; then all of it settles, and a checker that
 * shares no code with the product looks at what is left.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createAcknowledgedFile } from './acknowledged-file.ts';
import { createAppender } from './appender.ts';
import { checkDrill } from './checker/check.ts';
import { createDrillLogs } from './drill-logs.ts';
import { SCHEMA } from './drill-settings.ts';
import { runLanes } from './lanes.ts';
import { startRedriving } from './message-lanes.ts';
import type { DrillOptions } from './options.ts';
import { createPublisher, type PublishRecord } from './publisher.ts';
import { createRandom } from './random.ts';
import { type DrillReport, readDatabaseCounts } from './report.ts';
import { openScene } from './scene.ts';
import { settle } from './settle.ts';
import { collectLogs } from './stir-lanes.ts';

type Say = (line: string) => void;

/** Its data is kept where the checker finds something, or where the drill cannot go on. */
export async function runDrill(options: DrillOptions, say: Say): Promise<DrillReport> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-drill-'));
  // The account that runs Postgres has to get in.
  await chmod(directory, 0o755);
  say(`drill: seed ${options.seed}, ${options.minutes} minutes, data in ${directory}`);
  const closing: (() => Promise<unknown>)[] = [];
  let report: DrillReport;
  let dataDir: string;
  try {
    ({ report, dataDir } = await runInDirectory(directory, options, say, closing));
  } catch (error) {
    say(`The data is kept in ${directory}.`);
    throw error;
  } finally {
    for (const close of closing.reverse()) await close();
  }
  if (options.keep || report.findings.length > 0) return { ...report, directory };
  // Postgres may have had to keep its data elsewhere.
  for (const path of [directory, dirname(dataDir)]) await rm(path, { recursive: true, force: true, maxRetries: 3 });
  return report;
}

async function runInDirectory(
  directory: string,
  { minutes, seed, blobs: kindOfBlobs }: DrillOptions,
  say: Say,
  closing: (() => Promise<unknown>)[],
): Promise<{ report: DrillReport; dataDir: string }> {
  const startedAt = performance.now();
  const random = createRandom(seed);
  const scene = await openScene(directory, kindOfBlobs, closing);
  const { pool, owner, ownerUrl, blobs, processes } = scene;
  const acknowledgedFile = join(directory, 'acknowledged.jsonl');
  const file = await createAcknowledgedFile(acknowledgedFile);
  const giveUp = new AbortController();
  const appender = createAppender(pool, file, giveUp.signal);
  const publishedFile = join(directory, 'published.jsonl');
  const publishedLines = await createAcknowledgedFile<PublishRecord>(publishedFile);
  const publisher = createPublisher(pool, publishedLines, giveUp.signal);
  const endRedriving = startRedriving(owner);
  closing.push(() => Promise.allSettled([endRedriving(), publisher.close()]));
  const logs = await createDrillLogs(pool, random.fork('logs'));

  const { ms: killing, ...counts } = await runLanes({ scene, random, logs, appender, publisher, minutes, giveUp, say });
  await Promise.all([file.close(), publishedLines.close()]);
  say(`${Math.round(killing / 1_000)} s  nothing is killed any more; settling`);
  const settled = await settle(owner, killing, say);
  const redriven = await endRedriving();
  await Promise.all(processes.map((process) => process.end()));
  const databaseCounts = await readDatabaseCounts(owner);

  // Nobody is removing anything any more: what a collection had set out to remove when Postgres died need not be waited for.
  await owner.query(`update ${SCHEMA}.blob_garbage set removing_since = null`);
  const { missing } = await collectLogs(pool, blobs.place, { graceMs: 0 });

  await blobs.copy();

  say('settled; checking');
  const checkedFrom = performance.now();
  const { findings, checked } = await checkDrill({
    connectionString: ownerUrl,
    blobsDir: blobs.folder,
    acknowledgedFile,
    publishedFile,
    collected: true,
  });
  const checking = performance.now() - checkedFrom;
  const seconds = (ms: number) => Math.round(ms / 100) / 10;
  const report: DrillReport = {
    seed,
    minutes,
    seconds: {
      total: seconds(performance.now() - startedAt),
      killing: seconds(killing),
      settling: seconds(settled.ms),
      checking: seconds(checking),
    },
    ...counts,
    endedByThemselves: processes.reduce((sum, process) => sum + process.endedByItself(), 0),
    appends: appender.counts,
    ...databaseCounts,
    messages: { ...publisher.counts, redriven, ...databaseCounts.messages },
    checked,
    findings: [
      ...settled.findings,
      ...[...counts.blobsMissing, ...missing.names].map((name) => `a collection found ${name} missing`),
      ...findings,
    ],
  };
  return { report, dataDir: scene.postgres.current().dataDir };
}
