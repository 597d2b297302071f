import type { Command } from 'commander';
import type { SequenceId } from '../event-log/event-log.ts';
import { columnName, parseRange } from '../spreadsheet/a1.ts';
import type { Cell, CellRange, CellValue } from '../spreadsheet/cell.ts';
import { parseSequenceIdOption } from './parse-option.ts';
import { formatCount, formatEntries, formatJson, formatTable, print } from './print.ts';
import { asUsage, UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface ShowOptions {
  at?: SequenceId;
  json?: boolean;
}

/** More is for a file, not for a screen. */
const MAX_CELLS = 100_000;
const MAX_CELL_WIDTH = 40;

const EXAMPLES = `
Examples:
  $ tidemark show flights A1:F20
  $ tidemark show flights B7                         one cell
  $ tidemark show flights A1:F20 --at 100            as it was after the first 100 entries
  $ tidemark show flights A1:F20 --json`;

export function addShow(program: Command): void {
  program
    .command('show')
    .description('print cells of a sheet')
    .argument('<sheet>', 'name of the sheet')
    .argument('<range>', 'two cells with a colon, or one cell')
    .option('--at <sequence id>', 'as the sheet was before this entry', parseSequenceIdOption)
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runShow);
}

async function runShow(name: string, rangeText: string, { at, json }: ShowOptions): Promise<void> {
  const range = asUsage(() => parseRange(rangeText));
  if (range.rowCount * range.columnCount > MAX_CELLS) {
    throw new UsageError(
      `${rangeText} is ${formatCount(range.rowCount * range.columnCount)} cells; the limit is ${formatCount(MAX_CELLS)}. Ask for a part of it.`,
    );
  }
  const { openNamedSheet } = await import('./open-named-sheet.ts');
  await withDatabase(async (context) => {
    const sheet = await openNamedSheet(context, name, at);
    const cells = await sheet.getRange(range);
    if (json) {
      const values = cells.map((row) => row.map(({ value }) => value));
      print(formatJson({ sheet: name, range: rangeText, sequenceId: sheet.sequenceId, values }));
    } else {
      print(formatCells(range, cells));
      const { rowCount, columnCount, cellCount } = await sheet.counts();
      const size = `${formatCount(cellCount)} cells in ${formatCount(rowCount)} rows and ${formatCount(columnCount)} columns`;
      print(`\n${name}: ${size}, from ${formatEntries(sheet.sequenceId)}`);
    }
  });
}

function formatCells({ row, column, columnCount }: CellRange, cells: readonly (readonly Cell[])[]): string {
  const head = ['', ...Array.from({ length: columnCount }, (_, across) => columnName(column + across))];
  return formatTable(
    head,
    cells.map((line, down) => [row + down + 1, ...line.map(({ value }) => formatValue(value))]),
  );
}

function formatValue(value: CellValue): string | number {
  if (value === null) return '';
  if (typeof value === 'number') return value;
  const text = typeof value === 'object' ? value.value : String(value).replaceAll(/\s*\n\s*/g, ' ');
  return text.length > MAX_CELL_WIDTH ? `${text.slice(0, MAX_CELL_WIDTH - 1)}…` : text;
}
