/**
 * The drill: everything that may die is killed again and again while logs are appended to; then all of it settles, and a checker that
 * shares no code with the product looks at what is left.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { createAcknowledgedFile } from './acknowledged-file.ts';
import { runAppendLanes } from './append-lanes.ts';
import { createAppender } from './appender.ts';
import { checkDrill } from './checker/check.ts';
import { startClock } from './clock.ts';
import { prepareDatabase } from './drill-database.ts';
import { createDrillLogs } from './drill-logs.ts';
import { createHurry, runFreezeLane, runKillLane } from './kill-lanes.ts';
import type { DrillOptions } from './options.ts';
import { createProcessTarget, type ProcessTarget } from './process-target.ts';
import { createRandom } from './random.ts';
import { type DrillReport, readDatabaseCounts } from './report.ts';
import { createPostgresTarget, createTemporalTarget } from './servers.ts';
import { settle } from './settle.ts';
import { createGate, runAskAgainLane, runBacklogLane, runLongLane, runTruncationLane } from './stir-lanes.ts';
import { KINDS, type Kind } from './target.ts';

const LEAST_KILLS = 5;
const LEAST_APPENDS = 5_000;
const APPENDS_PER_SECOND = 150;
/** Of one kind. In 45 seconds that is more than the least, most of the time. */
const KILL_EVERY_MS = 5_000;

export async function runDrill({ minutes, seed, keep }: DrillOptions, say: (line: string) => void): Promise<DrillReport> {
  const startedAt = performance.now();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-drill-'));
  await chmod(directory, 0o755);
  say(`drill: seed ${seed}, ${minutes} minutes, data in ${directory}`);
  const random = createRandom(seed);
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const [postgres, temporal] = await Promise.all([createPostgresTarget(directory), createTemporalTarget(directory)]);
    closing.push(
      () => postgres.stop(),
      () => temporal.stop(),
    );
    const { appUrl, ownerUrl } = await prepareDatabase(postgres.current().url);
    const pool = openPool(appUrl, closing);
    const owner = openPool(ownerUrl, closing);

    const blobsDir = join(directory, 'blobs');
    const gate = createGate();
    const processes: ProcessTarget[] = (
      [
        ['worker', 'worker-1', true],
        ['worker', 'worker-2', false],
        ['starter', 'starter', true],
      ] as const
    ).map(([kind, name, startsExecutions]) =>
      createProcessTarget({
        kind,
        name,
        directory,
        settings: { databaseUrl: appUrl, temporalAddress: temporal.current().address, blobsDir, startsExecutions },
        mayStart: startsExecutions ? gate.pass : async () => {},
      }),
    );
    // In this order: processes first, then pools, then servers.
    closing.push(() => Promise.all(processes.map((process) => process.end())));
    await Promise.all(processes.map((process) => process.start()));
    await Promise.all(processes.map((process) => process.untilUp()));

    const file = await createAcknowledgedFile(join(directory, 'acknowledged.jsonl'));
    const appender = createAppender(pool, file);
    const logs = await createDrillLogs(pool, random.fork('logs'));

    const clock = startClock(minutes * 60_000);
    const kills: Record<Kind, number> = { worker: 0, starter: 0, temporal: 0, postgres: 0 };
    let freezes = 0;
    const hurry = createHurry();
    const forKinds = KINDS.map((kind) =>
      runKillLane({
        targets: [postgres, temporal, ...processes].filter((target) => target.kind === kind),
        clock,
        random: random.fork(`kill ${kind}`),
        everyMs: KILL_EVERY_MS,
        least: LEAST_KILLS,
        onKill: () => {
          kills[kind] += 1;
        },
        ...(kind === 'worker' ? { hurry } : {}),
      }),
    );
    const stir = (name: string) => ({ clock, random: random.fork(name), pool, logs, appender });
    const chance = random.fork('hurry');
    /** Half of the time a worker dies soon after. */
    const threaten = (withinMs: number) => () => {
      if (chance.chance(0.5)) setTimeout(hurry.now, chance.integer(100, withinMs)).unref();
    };
    const telling = setInterval(() => {
      const { acknowledged } = appender.counts;
      say(`${Math.round(clock.elapsedMs() / 1_000)} s  ${acknowledged} appends; kills ${JSON.stringify(kills)}`);
    }, 10_000);
    closing.push(async () => clearInterval(telling));

    const [truncations, askedAgain, backlogs] = await Promise.all([
      runTruncationLane({ ...stir('truncation'), everyMs: 250 }),
      runAskAgainLane({ ...stir('again'), everyMs: 200 }),
      runBacklogLane({
        ...stir('backlog'),
        starters: processes.filter((process) => process.startsExecutions),
        gate,
        everyMs: 9_000,
        onRelease: threaten(1_500),
      }),
      runLongLane({ ...stir('long'), everyMs: 25_000, onAsked: threaten(4_000) }),
      runFreezeLane({ processes, clock, random: random.fork('freeze'), everyMs: 10_000, onFreeze: () => (freezes += 1) }),
      runAppendLanes({ ...stir('appends'), perSecond: APPENDS_PER_SECOND, least: LEAST_APPENDS }),
      ...forKinds,
    ] as const);
    const killing = clock.elapsedMs();
    clearInterval(telling);
    await file.close();

    say(`${Math.round(killing / 1_000)} s  nothing is killed any more; settling`);
    const settling = await settle(owner, say);
    await Promise.all(processes.map((process) => process.end()));
    const counts = await readDatabaseCounts(owner);
    const checkedFrom = performance.now();
    const { findings, checked } = await checkDrill({
      connectionString: ownerUrl,
      blobsDir,
      acknowledgedFile: join(directory, 'acknowledged.jsonl'),
    });
    findings.unshift(...settling.findings);

    const isKept = keep || findings.length > 0;
    await closeAll(closing);
    if (!isKept) {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
      await rm(dirname(postgres.current().dataDir), { recursive: true, force: true, maxRetries: 3 });
    }
    const seconds = (ms: number) => Math.round(ms / 100) / 10;
    return {
      seed,
      minutes,
      seconds: {
        total: seconds(performance.now() - startedAt),
        killing: seconds(killing),
        settling: seconds(settling.ms),
        checking: seconds(performance.now() - checkedFrom),
      },
      kills,
      freezes,
      endedByThemselves: processes.reduce((sum, process) => sum + process.endedByItself(), 0),
      appends: appender.counts,
      truncations,
      askedAgain,
      backlogs,
      ...counts,
      checked,
      findings,
      ...(isKept ? { directory } : {}),
    };
  } catch (error) {
    say(`The data is kept in ${directory}.`);
    await closeAll(closing);
    throw error;
  }
}

function openPool(connectionString: string, closing: (() => Promise<unknown>)[]): Pool {
  const pool = createPool({ connectionString, max: 20, applicationName: 'drill' });
  closing.push(() => pool.end());
  return pool;
}

/** The last opened first. */
async function closeAll(closing: (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}
