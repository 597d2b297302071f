import type { Command } from 'commander';
import { TidemarkError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { parseRange } from '../spreadsheet/a1.ts';
import type { ExportProgress } from '../spreadsheet/export-bands.ts';
import { parseSequenceIdOption } from './parse-option.ts';
import { formatBytes, formatCount, formatJson, print } from './print.ts';
import { asUsage, UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface ExportOptions {
  at?: SequenceId;
  range?: string;
  delimiter: string;
  escapeFormulas?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark export flights flights.csv
  $ tidemark export flights - | gzip > flights.csv.gz
  $ tidemark export budget budget.xlsx --at 100       as it was after the first 100 entries
  $ tidemark export flights part.csv --range A1:F20

By the file's name: .xlsx, else CSV. A file appears when it is whole; one that is there is replaced then. Imported again it gives the same values.
CSV: dates as 2026-01-31, texts that could be taken for a number in quotes. Text that begins with =, +, - or @ is written as it is, because it is data;
a spreadsheet program that opens the file may take it for a formula. For files that others open, --escape-formulas puts an apostrophe before it.`;

export function addExport(program: Command): void {
  program
    .command('export')
    .description('write a sheet to a CSV or XLSX file')
    .argument('<sheet>', 'name of the sheet')
    .argument('<file>', 'file to write, .csv or .xlsx; - for CSV to standard output')
    .option('--at <sequence id>', 'as the sheet was before this entry', parseSequenceIdOption)
    .option('--range <range>', 'these cells only: two of them with a colon')
    .option(
      '--delimiter <character>',
      "between the fields of a CSV file: ',', ';', '|' or \\t",
      (text) => (text === '\\t' ? '\t' : text),
      ',',
    )
    .option('--escape-formulas', 'in CSV, an apostrophe before text that a spreadsheet program would run')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runExport);
}

async function runExport(
  name: string,
  file: string,
  { at, range: rangeText, delimiter, escapeFormulas, json }: ExportOptions,
): Promise<void> {
  const range = rangeText === undefined ? undefined : asUsage(() => parseRange(rangeText));
  const isXlsx = /\.xls[xm]$/i.test(file);
  if (json && file === '-') {
    throw new UsageError('--json would stand in the middle of the file: with - leave it out.');
  }
  const { loadConfig } = await import('../config.ts');
  const { createScreen } = await import('./screen.ts');
  const { openNamedSheet } = await import('./open-named-sheet.ts');
  const { stopOnSignal } = await import('./stop-signal.ts');
  const { writeWhole } = await import('./write-whole.ts');
  const { exportCsv } = await import('../spreadsheet/export-csv.ts');
  const { exportXlsx } = await import('../spreadsheet/export-xlsx.ts');
  const screen = createScreen({ ...loadConfig(), output: process.stderr });
  await withDatabase(async (context) => {
    const sheet = await openNamedSheet(context, name, at);
    const signal = stopOnSignal(() => {});
    const activity = screen.begin(`Exporting ${name}`);
    let done: ExportProgress = { rows: 0, totalRows: 0, cells: 0 };
    const onProgress = (progress: ExportProgress) => {
      done = progress;
      activity.update(`${name}: ${formatCount(progress.rows)} rows`, progress.rows / progress.totalRows);
    };
    const options = { sheet, range, signal, onProgress };
    const chunks = isXlsx ? exportXlsx({ ...options, worksheet: name }) : exportCsv({ ...options, delimiter, escapeFormulas });
    try {
      const bytes = file === '-' ? await writeToStdout(chunks) : await writeWhole(file, chunks);
      activity.clear();
      if (json) {
        print(formatJson({ sheet: name, file, rows: done.rows, cells: done.cells, bytes, sequenceId: sheet.sequenceId }));
      } else if (file !== '-') {
        print(`${file}: ${formatCount(done.cells)} cells in ${formatCount(done.rows)} rows of ${name}, ${formatBytes(bytes)}.`);
      }
    } catch (error) {
      activity.clear();
      if (signal.aborted) {
        throw new TidemarkError('stopped', file === '-' ? 'Stopped.' : `Stopped. '${file}' was not written.`);
      }
      throw error;
    }
  });
}

/** As fast as it is read. */
async function writeToStdout(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  return bytes;
}
