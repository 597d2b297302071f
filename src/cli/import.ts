import type { Command } from 'commander';
import { TidemarkError } from '../errors.ts';
import { checkLogId } from '../event-log/check-names.ts';
import type { ImportProgress } from '../spreadsheet/import-csv.ts';
import { parseWhole } from './parse-option.ts';
import { formatCount, formatEntries, formatJson, print } from './print.ts';
import { asUsage, UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface ImportOptions {
  sheet: string;
  delimiter: string;
  rowsPerEntry: number;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark import flights.csv --sheet flights
  $ zcat big.csv.gz | tidemark import - --sheet big
  $ tidemark import prices.csv --sheet prices --delimiter ';'

UTF-8, with or without quotes. A field that is exactly a number becomes one, everything else is text ('007' and '1.50' stay as they are).
Stopped or killed halfway, the same command goes on after the rows that are in the sheet.`;

export function addImport(program: Command): void {
  program
    .command('import')
    .description('put a CSV file into a sheet; goes on where it stopped')
    .argument('<file>', 'CSV file; - for standard input')
    .requiredOption('--sheet <name>', 'name of the sheet; made where there is none')
    .option('--delimiter <character>', 'between the fields', parseDelimiter, ',')
    .option('--rows-per-entry <count>', 'rows that one log entry holds', parseWhole(1, 100_000), 500)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runImport);
}

function parseDelimiter(text: string): string {
  return text === '\\t' ? '\t' : text;
}

async function runImport(file: string, { sheet: name, delimiter, rowsPerEntry, json }: ImportOptions): Promise<void> {
  asUsage(() => checkLogId(name));
  if (delimiter.length !== 1 || delimiter === '"') {
    throw new UsageError(`'${delimiter}' cannot stand between fields: use one character, for example ',', ';' or \\t for a tab.`);
  }
  const { loadConfig } = await import('../config.ts');
  const { openCsv } = await import('./open-csv.ts');
  const { createScreen } = await import('./screen.ts');
  const { sheetToBe } = await import('./sheet-to-be.ts');
  const { stopOnSignal } = await import('./stop-signal.ts');
  const { importCsv } = await import('../spreadsheet/import-csv.ts');
  const { notify } = await import('../postgres/listen.ts');
  const source = await openCsv(file);
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
      const value = await importCsv({ log, blobs, ...source, delimiter, rowsPerEntry, signal, onProgress });
      await notify(context.pool, 'work', context.targets.schema);
      activity.clear();
      const { rowsBefore: already, entries, sequenceId } = value;
      if (json) {
        print(formatJson({ sheet: name, rows: value.rows, rowsBefore: already, entries, sequenceId }));
      } else {
        const news =
          already === 0
            ? ''
            : already === value.rows
              ? ' (all of them were there before)'
              : ` (${formatCount(already)} of them were there before)`;
        print(`${name}: ${formatCount(value.rows)} rows of ${source.name}${news}, in ${formatEntries(entries)}.`);
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
