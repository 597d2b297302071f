/** A worker dies in the middle of a snapshot, and another one finishes it: shown with real processes and a real SIGKILL. */
import { join } from 'node:path';
import { loadConfig } from '../config.ts';
import { createLog } from '../event-log/create-log.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { executionUrl } from '../execution-url.ts';
import { createPool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { type DemoEnvironment, openDemoEnvironment } from './demo-environment.ts';
import { watchTakeover } from './demo-takeover.ts';
import { type DoorProcess, startDoorProcess } from './door-process.ts';
import { formatCount, formatJson, print } from './print.ts';
import { createScreen, type Screen } from './screen.ts';
import { sheetToBe } from './sheet-to-be.ts';
import type { DatabaseContext } from './with-database.ts';

const SHEET = 'demo-kill';
const ROWS = 10;
const COLUMNS = 50;
const ENTRIES_PER_APPEND = 100;

export async function runDemoKill({ entries, json }: { entries: number; json?: boolean }): Promise<void> {
  const config = loadConfig();
  const screen = createScreen({ ...config, output: json ? process.stderr : process.stdout });
  const environment = await openDemoEnvironment(config, screen);
  const context = contextOf(environment);
  const workers: DoorProcess[] = [];
  try {
    const last = await writeEntries(context, entries, screen);
    const activity = screen.begin('Starting two workers');
    for (const name of ['one', 'two']) {
      workers.push(
        await startDoorProcess({ door: 'worker', env: environment.variables, logFile: join(environment.folder, `${name}.log`) }),
      );
    }
    await Promise.all(workers.map((worker) => worker.untilRunning()));
    activity.done(`Two workers: processes ${workers.map(({ pid }) => pid).join(' and ')}`);
    const takeover = await watchTakeover({ context, workers, sheet: SHEET, sequenceId: last, cells: entries * ROWS * COLUMNS, screen });
    const { uiUrl, namespace, isTemporary } = environment;
    if (json) print(formatJson(takeover));
    else if (uiUrl && !isTemporary) screen.box('Its history in the web UI', [executionUrl(uiUrl, namespace, takeover.execution)]);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop(10_000)));
    await context.pool.end();
    await environment.end();
  }
}

function contextOf({ databaseUrl, schema, blobs, temporalAddress: address, namespace }: DemoEnvironment): DatabaseContext {
  const pool = createPool({ connectionString: databaseUrl, max: 3, applicationName: 'tidemark demo' });
  return { pool, db: inSchema(pool, schema), targets: { databaseUrl, schema, blobs, temporal: { address, namespace } } };
}

/** A sheet whose snapshot takes long enough to die in. @returns the entry that is to ask for it */
async function writeEntries(context: DatabaseContext, entries: number, screen: Screen): Promise<SequenceId> {
  const activity = screen.begin('Writing a sheet');
  // No snapshots by policy: they would make the one to watch small.
  await createLog(context.pool, { id: SHEET, type: sheet.type, typeVersion: sheet.version, schema: context.targets.schema });
  const { log } = await sheetToBe(context, SHEET);
  let position = 0n;
  while (position < entries) {
    const batch = Array.from({ length: Math.min(ENTRIES_PER_APPEND, entries - Number(position)) }, (_, index) =>
      rectangle((Number(position) + index) * ROWS),
    );
    ({ nextSequenceId: position } = await log.addEntries(batch, position));
    activity.update(`Writing a sheet: ${formatCount(position)} entries`, Number(position) / entries);
  }
  activity.done(`A sheet of ${formatCount(entries * ROWS * COLUMNS)} cells in ${formatCount(entries)} entries`);
  return position - 1n;
}

function rectangle(row: number): SheetEntry {
  const values = Array.from({ length: ROWS }, (_, down) => Array.from({ length: COLUMNS }, (_, across) => (row + down) * COLUMNS + across));
  return { type: 'SetCellRange', row, column: 0, values };
}
