import { basename } from 'node:path';
import type { Command } from 'commander';
import { TidemarkError } from '../errors.ts';
import { checkLogId } from '../event-log/check-names.ts';
import type { ImportProgress } from '../spreadsheet/import-rows.ts';
import type { WorkbookLimits } from '../spreadsheet/xlsx/limits.ts';
import { parseColumns, parseLimit, parseTypes } from './import-options.ts';
import { parseWhole } from './parse-option.ts';
import { formatCount, formatEntries, formatJson, print } from './print.ts';
import { asUsage, UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface ImportOptions {
  sheet: string;
  delimiter: string;
  types: 'on' | 'off';
  text?: number[];
  worksheet?: string;
  limit?: Partial<WorkbookLimits>;
  rowsPerEntry: number;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark import flights.csv --sheet flights
  $ tidemark import big.csv.gz --sheet big
  $ tidemark import prices.csv --sheet prices --delimiter ';' --text B,D
  $ tidemark import budget.xlsx --sheet budget --worksheet 2026

CSV: UTF-8, with or without quotes, also in gzip. A field becomes a number, a date (2026-01-31, 2026-01-31 08:30:00), TRUE or FALSE where that is
written as exactly this text; everything else is text: '007' and '1.50' stay as they are. A field in quotes is text, but in a file that quotes all.
XLSX: values and number formats of one worksheet; of formulas their last value, of merged areas the top left cell.
Stopped or killed halfway, the same command goes on after the rows that are in the sheet.`;

export function addImport(program: Command): void {
  program
    .command('import')
    .description('put a CSV or XLSX file into a sheet; goes on where it stopped')
    .argument('<file>', 'CSV or XLSX file; - for CSV from standard input')
    .requiredOption('--sheet <name>', 'name of the sheet; made where there is none')
    .option('--worksheet <name>', 'of the XLSX file; default: its first one')
    .option('--delimiter <character>', 'between the fields of a CSV file', parseDelimiter, ',')
    .option('--types <on|off>', 'off: every field of a CSV file is text', parseTypes, 'on')
    .option('--text <columns>', 'columns of a CSV file that stay text: B,D', parseColumns)
    .option('--limit <name=number>', 'for a file in gzip: unpackedBytes or ratio; for an XLSX file also parts or memoryMiB', parseLimit)
    .option('--rows-per-entry <count>', 'rows that one log entry holds', parseWhole(1, 100_000), 500)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runImport);
}

function parseDelimiter(text: string): string {
  return text === '\\t' ? '\t' : text;
}

async function runImport(file: string, options: ImportOptions): Promise<void> {
  const { sheet: name, delimiter, json } = options;
  asUsage(() => checkLogId(name));
  if (delimiter.length !== 1 || delimiter === '"') {
    throw new UsageError(`'${delimiter}' cannot stand between fields: use one character, for example ',', ';' or \\t for a tab.`);
  }
  const { loadConfig } = await import('../config.ts');
  const { createScreen } = await import('./screen.ts');
  const { sheetToBe } = await import('./sheet-to-be.ts');
  const { stopOnSignal } = await import('./stop-signal.ts');
  const { notify } = await import('../postgres/listen.ts');
  const { importSummary } = await import('./import-summary.ts');
  const source = await openSource(file, options);
  const screen = createScreen({ ...loadConfig(), output: process.stderr });
  await withDatabase(async (context) => {
    const { log, blobs } = await sheetToBe(context, name);
    const signal = stopOnSignal(() => {});
    const startedAt = performance.now();
    const activity = screen.begin(`Importing ${source.name} into ${name}`);
    let rows = 0;
    let rowsBefore: number | undefined;
    const onProgress = ({ rows: now, bytes, totalBytes }: ImportProgress) => {
      rowsBefore ??= now;
      rows = now;
      const rate = Math.round(((now - rowsBefore) / Math.max(performance.now() - startedAt, 1)) * 1_000);
      activity.update(`${name}: ${formatCount(now)} rows, ${formatCount(rate)} rows/s`, totalBytes ? bytes / totalBytes : undefined);
    };
    try {
      const value = await source.run({ log, blobs, rowsPerEntry: options.rowsPerEntry, signal, onProgress });
      await notify(context.pool, 'work', context.targets.schema);
      activity.clear();
      if (json) {
        print(formatJson({ sheet: name, ...value }));
        return;
      }
      const { rowsBefore: already } = value;
      const news =
        already === 0
          ? ''
          : already === value.rows
            ? ' (all of them were there before)'
            : ` (${formatCount(already)} of them were there before)`;
      print(`${name}: ${formatCount(value.rows)} rows of ${source.name}${news}, in ${formatEntries(value.entries)}.`);
      for (const line of importSummary(value.cells, value.notes)) {
        print(line);
      }
    } catch (error) {
      activity.clear();
      if (signal.aborted) {
        throw new TidemarkError('stopped', `Stopped. ${formatCount(rows)} rows are in the sheet; the same command goes on after them.`);
      }
      throw error;
    }
  });
}

/** By its name; what it holds is checked when it is read. */
async function openSource(file: string, { delimiter, types, text, worksheet, limit }: ImportOptions) {
  const { importCsv } = await import('../spreadsheet/import-csv.ts');
  const { importXlsx } = await import('../spreadsheet/import-xlsx.ts');
  const { checkFile, openCsv } = await import('./open-csv.ts');
  type Into = Pick<Parameters<typeof importCsv>[0], 'log' | 'blobs' | 'rowsPerEntry' | 'signal' | 'onProgress'>;
  if (/\.xls[xm]$/i.test(file)) {
    await checkFile(file);
    const name = basename(file);
    return { name, run: (into: Into) => importXlsx({ ...into, file, name, worksheet, limits: limit }) };
  }
  if (worksheet !== undefined) {
    throw new UsageError(`'${file}' has no worksheets: --worksheet is for files whose name ends in .xlsx or .xlsm.`);
  }
  const csv = await openCsv(file);
  return { name: csv.name, run: (into: Into) => importCsv({ ...into, ...csv, delimiter, types, textColumns: text, limits: limit }) };
}
