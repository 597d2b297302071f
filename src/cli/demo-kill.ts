/** A worker dies in the middle of a snapshot, and another one finishes it: shown with real processes and a real SIGKILL. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../config.ts';
import { TidemarkError } from '../errors.ts';
import { createPool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { connectClient } from '../temporal/connection.ts';
import { runnerIdentity } from '../temporal/runner-identity.ts';
import { type DemoEnvironment, openDemoEnvironment } from './demo-environment.ts';
import { openNamedSheet } from './open-named-sheet.ts';
import { formatCount, formatJson, print } from './print.ts';
import { createScreen, type Screen } from './screen.ts';
import { sheetToBe } from './sheet-to-be.ts';
import { executionUrl } from './targets.ts';
import type { DatabaseContext } from './with-database.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

const SHEET = 'killed';
const ROWS = 10;
const COLUMNS = 50;
const ENTRIES_PER_APPEND = 200;
const DEADLINE_MS = 60_000;
/** Into the snapshot, before the kill. */
const HEAD_START_MS = 100;

export async function runDemoKill({ entries, json }: { entries: number; json?: boolean }): Promise<void> {
  const config = loadConfig();
  const screen = createScreen({ output: json ? process.stderr : process.stdout, ci: config.ci });
  const environment = await openDemoEnvironment(config, screen);
  const pool = createPool({ connectionString: environment.databaseUrl, max: 3, applicationName: 'tidemark demo' });
  const { temporalAddress: address, namespace, schema, databaseUrl, blobsDir, uiUrl } = environment;
  const context: DatabaseContext = {
    pool,
    db: inSchema(pool, schema),
    targets: { databaseUrl, schema, blobsDir, temporal: { address, namespace }, ...(uiUrl ? { uiUrl } : {}) },
  };
  const workers: WorkerProcess[] = [];
  try {
    for (const name of ['one', 'two']) workers.push(await startWorkerProcess({ env: environment.variables, logFile: join(environment.folder, `${name}.log`) }));
    await writeEntries(context, entries, screen);
    const activity = screen.begin('Starting two workers');
    await Promise.all(workers.map((worker) => worker.untilRunning()));
    activity.done(`Two workers: process ${workers.map(({ pid }) => pid).join(' and process ')}`);
    const outcome = await killAndWatch(context, workers, entries, screen);
    if (json) print(formatJson({ ...outcome, entries }));
    else if (uiUrl && isShared(environment)) screen.box('Its history in the web UI', [executionUrl(uiUrl, namespace, outcome.execution)]);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop(10_000)));
    await pool.end();
    await environment.end();
  }
}

/** On servers that stay when the demonstration is over. */
function isShared({ databaseUrl, folder }: DemoEnvironment): boolean {
  return databaseUrl !== '' && folder !== '';
}
