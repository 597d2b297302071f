/**
 * The first thing a new user sees: the shipped file goes into a sheet, in entries small enough that snapshots follow one another;
 * then every cell is compared with the file. It can be stopped anywhere: the next one goes on with what is there.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { TidemarkError } from '../errors.ts';
import { notify } from '../postgres/listen.ts';
import { importCsv } from '../spreadsheet/import-csv.ts';
import type { SheetLog } from '../spreadsheet/open-sheet.ts';
import { openCsv } from './open-csv.ts';
import { openNamedSheet } from './open-named-sheet.ts';
import { formatCount } from './print.ts';
import type { Screen } from './screen.ts';
import { sheetToBe } from './sheet-to-be.ts';
import type { DatabaseContext } from './with-database.ts';

const FILE = fileURLToPath(new URL('../../examples/data/us-airports.csv', import.meta.url));
export const DEMO_SHEET = 'us-airports';
/** 3,377 rows make 338 entries, with a snapshot at each hundred. */
const ROWS_PER_ENTRY = 10;
const ENTRIES_PER_APPEND = 2;
const SNAPSHOT_DEADLINE_MS = 60_000;

export interface DemoValue {
  rows: number;
  cells: number;
  /** Of this run; the others were there before. */
  newRows: number;
  importMs: number;
}

/** @throws TidemarkError where a snapshot does not come, or a cell is not what the file says */
export async function runDemoImport(context: DatabaseContext, screen: Screen, signal: AbortSignal): Promise<DemoValue> {
  const records: string[][] = parse(await readFile(FILE), { bom: true });
  const { log, blobs } = await sheetToBe(context, DEMO_SHEET);
  const activity = screen.begin(`Importing ${DEMO_SHEET}.csv`);
  const startedAt = performance.now();
  const seen = { rows: 0, rowsBefore: undefined as number | undefined };
  const showSnapshots = ({ running, done }: SnapshotCounts) => {
    const rate = Math.round(((seen.rows - (seen.rowsBefore ?? 0)) / Math.max(performance.now() - startedAt, 1)) * 1_000);
    const rows = `${formatCount(seen.rows)} of ${formatCount(records.length)} rows, ${formatCount(rate)} rows/s`;
    activity.update(`${rows}; snapshots: ${running} running, ${done} done`, seen.rows / records.length);
  };
  const settle = () => untilSettled(context, showSnapshots, signal);
  try {
    const value = await importCsv({
      ...(await openCsv(FILE)),
      log: oneSnapshotAtATime(context, log, settle),
      blobs,
      rowsPerEntry: ROWS_PER_ENTRY,
      entriesPerAppend: ENTRIES_PER_APPEND,
      signal,
      onProgress({ rows }) {
        seen.rowsBefore ??= rows;
        seen.rows = rows;
      },
    });
    await settle();
    const importMs = performance.now() - startedAt;
    activity.update('Comparing every cell with the file');
    const cells = await compareCells(context, records);
    const newRows = value.rows - value.rowsBefore;
    const imported = `Imported ${formatCount(newRows)} rows in ${(importMs / 1_000).toFixed(1)} s`;
    activity.done(`${newRows === 0 ? 'All rows were there already' : imported}; all ${formatCount(cells)} cells are as in the file`);
    return { rows: value.rows, cells, newRows, importMs };
  } catch (error) {
    activity.clear();
    throw error;
  }
}

/** Without a pause all entries would be there before the first snapshot is, and one would do for all of them. */
function oneSnapshotAtATime({ pool, targets }: DatabaseContext, log: SheetLog, settle: () => Promise<void>): SheetLog {
  return {
    ...log,
    async addEntries(entries, sequenceId, snapshotId) {
      const value = await log.addEntries(entries, sequenceId, snapshotId);
      await notify(pool, 'work', targets.schema);
      await settle();
      return value;
    },
  };
}

interface SnapshotCounts {
  running: number;
  done: number;
}

/** Until no snapshot of the sheet is asked for and not taken. */
async function untilSettled({ db }: DatabaseContext, onLook: (counts: SnapshotCounts) => void, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + SNAPSHOT_DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    const { rows } = await db.query(
      `select count(*) filter (where w.state in ('waiting', 'ready', 'claimed', 'started'))::integer as running,
         count(*) filter (where w.state = 'done')::integer as done, max(w.error ->> 'message') filter (where w.state = 'dead') as error
       from ${db.schema}.work w where w.log_id = $1::text`,
      [DEMO_SHEET],
    );
    const { running, done, error } = rows[0];
    onLook({ running, done });
    if (error !== null) {
      throw new TidemarkError('demo_failed', `A snapshot of ${DEMO_SHEET} is dead: ${error} See 'tidemark work --state dead'.`);
    }
    if (running === 0) {
      return;
    }
    if (performance.now() > deadline) {
      throw new TidemarkError(
        'demo_failed',
        `A snapshot of ${DEMO_SHEET} has not come for a minute. See 'tidemark doctor' and the worker's log.`,
      );
    }
    await delay(20, undefined, { signal });
  }
}

/** Through a view of the sheet as any reader opens it; the file through a parser of its own. @returns how many cells */
async function compareCells(context: DatabaseContext, records: readonly string[][]): Promise<number> {
  const sheet = await openNamedSheet(context, DEMO_SHEET);
  const columnCount = Math.max(...records.map((record) => record.length));
  const cells = await sheet.getRange({ row: 0, column: 0, rowCount: records.length, columnCount });
  const { rowCount } = await sheet.counts();
  let compared = 0;
  for (const [row, record] of records.entries()) {
    for (let column = 0; column < columnCount; column += 1) {
      const wanted = record[column] ?? '';
      const value = cells[row]?.[column]?.value ?? '';
      // A number is only made of a text that is exactly how it is written.
      if (String(value) !== wanted) {
        throw new TidemarkError(
          'demo_failed',
          `Row ${row + 1}, column ${column + 1} of ${DEMO_SHEET} is '${String(value)}'; the file says '${wanted}'.`,
        );
      }
      compared += 1;
    }
  }
  if (rowCount !== records.length) {
    throw new TidemarkError('demo_failed', `${DEMO_SHEET} has ${rowCount} rows; the file has ${records.length}.`);
  }
  return compared;
}
