import { type Command, InvalidArgumentError } from 'commander';
import { InvalidInputError } from '../errors.ts';
import type { LogEntry } from '../event-log/event-log.ts';
import { parseRange, rangeName } from '../spreadsheet/a1.ts';
import type { CellRange } from '../spreadsheet/cell.ts';
import { MAX_ERASED_CELLS } from '../spreadsheet/entries.ts';
import type { ListedUnit } from '../work/listed-unit.ts';
import { formatCount, formatEntries, formatJson, print } from './print.ts';
import { untilEnded } from './until-ended.ts';
import { type DatabaseContext, withDatabase } from './with-database.ts';

interface EraseOptions {
  cells: CellRange[];
  reason?: string;
  dryRun?: boolean;
  wait?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark erase people --cells B7 --dry-run       what would be erased
  $ tidemark erase people --cells B7,D2:D40 --reason 'request 17' --wait

The values of these cells are replaced by the text [erased]: at once in the sheet, then by a worker in the log, its history and all snapshots.
Older snapshots go. Nothing brings the values back. What this cannot reach (backups, copies): see docs/operations.md.`;

export function addErase(program: Command): void {
  program
    .command('erase')
    .description('erase the values of cells from a sheet and from its whole past')
    .argument('<sheet>', 'name of the sheet')
    .requiredOption('--cells <ranges>', `the cells, at most ${formatCount(MAX_ERASED_CELLS)}: B7 or A1:B3, several with commas`, parseCells)
    .option('--reason <text>', 'kept in the log, for whoever reads it')
    .option('--dry-run', 'change nothing; say what would be erased')
    .option('--wait', 'until a worker has done it')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runErase);
}

function parseCells(text: string): CellRange[] {
  try {
    return text.split(',').map(parseRange);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function runErase(name: string, { cells, reason, dryRun, wait, json }: EraseOptions): Promise<void> {
  const { sheet } = await import('../spreadsheet/sheet.ts');
  const entry = sheet.parseEntry({ type: 'EraseCells', ranges: cells, ...(reason === undefined ? {} : { reason }) });
  const where = `${name} ${cells.map(rangeName).join(',')}`;
  await withDatabase(async (context) => {
    const { pool, db, targets } = context;
    if (dryRun) {
      const found = await countValues(context, name, cells, entry);
      print(json ? formatJson({ sheet: name, ...found }) : describeFound(where, found));
      return;
    }
    const { createTidemark } = await import('../tidemark.ts');
    const { eraseCells } = await import('../erasure/erase-cells.ts');
    const tidemark = createTidemark({ db: pool, schema: targets.schema });
    const { workId, sequenceId } = await eraseCells(tidemark.log(sheet, name), { ranges: cells, reason });
    await tidemark.close();
    const unit = wait ? await untilEnded(db, workId, json !== true) : undefined;
    if (json) {
      print(
        formatJson({ sheet: name, workId, sequenceId, ...(unit ? { state: unit.state, result: unit.result, error: unit.error } : {}) }),
      );
    } else {
      print(unit ? describeEnd(where, unit) : `${workId}: asked for. See it with 'tidemark work ${workId}', or wait with --wait.`);
    }
    if (unit && unit.state !== 'done') process.exitCode = 1;
  });
}

interface FoundValues {
  cells: number;
  withValue: number;
  entries: number;
}

/** Reads every entry there is, as the erasure would. */
async function countValues(context: DatabaseContext, name: string, ranges: readonly CellRange[], entry: LogEntry): Promise<FoundValues> {
  const [{ readEntries }, { sheet }, { logWithHistory }, { openNamedSheet }] = await Promise.all([
    import('../snapshots/read-entries.ts'),
    import('../spreadsheet/sheet.ts'),
    import('./log-with-history.ts'),
    import('./open-named-sheet.ts'),
  ]);
  const view = await openNamedSheet(context, name);
  const found: FoundValues = { cells: 0, withValue: 0, entries: 0 };
  for (const range of ranges) {
    const values = (await view.getRange(range)).flat();
    found.cells += values.length;
    found.withValue += values.filter(({ value }) => value !== null).length;
  }
  const eraser = sheet.eraserOf?.(entry as Parameters<NonNullable<typeof sheet.eraserOf>>[0]);
  if (eraser === undefined) {
    throw new InvalidInputError(`An entry '${entry.type}' erases nothing.`);
  }
  const log = logWithHistory<LogEntry>(context, name);
  const first = await log.query('start', 'end');
  for await (const { entries } of readEntries(log, first.startSequenceId, 'end', first)) {
    found.entries += entries.filter((stored) => eraser.eraseEntry(stored) !== undefined).length;
  }
  return found;
}

function describeFound(where: string, { cells, withValue, entries }: FoundValues): string {
  return `${where}: ${formatCount(cells)} cells, ${formatCount(withValue)} of them with a value now; ${formatEntries(entries)} with values of them. Nothing was changed.`;
}

function describeEnd(where: string, { id, state, result, error }: ListedUnit): string {
  if (state !== 'done') {
    return `${id} is ${state}${error ? `; ${error.code}: ${error.message}` : ''}`;
  }
  const { entries = 0, segments = 0, blobs = 0 } = (result ?? {}) as { entries?: number; segments?: number; blobs?: number };
  return `${where}: erased from ${formatEntries(entries)}; ${formatCount(segments)} parts of the history written again, ${formatCount(blobs)} blobs removed.`;
}
