/** What an import made of a file, for people: one line of counts, and one for every column that is worth a look. */
import type { ImportedCells, ImportNote } from '../spreadsheet/import-report.ts';
import type { TextReason } from '../spreadsheet/recognise-field.ts';
import { formatCount } from './print.ts';

const KINDS = [
  ['numbers', 'number', 'numbers'],
  ['dates', 'date', 'dates'],
  ['booleans', 'boolean', 'booleans'],
  ['texts', 'text', 'texts'],
  ['errors', 'error', 'errors'],
] as const;

const WHY: Readonly<Record<TextReason, string>> = {
  'leading zeros': 'like numbers kept as text: leading zeros',
  'too many digits': 'like numbers kept as text: more digits than a number keeps',
  'another spelling': 'like numbers kept as text: the number would be written in another way',
  quoted: 'like numbers or dates kept as text: in quotes',
  'another date order': 'like dates kept as text: not written as yyyy-mm-dd',
};

const MAX_NOTES = 10;

/** Lines without their ends. */
export function importSummary(cells: ImportedCells, notes: readonly ImportNote[]): string[] {
  const counts = KINDS.flatMap(([kind, one, many]) =>
    cells[kind] === 0 ? [] : `${formatCount(cells[kind])} ${cells[kind] === 1 ? one : many}`,
  );
  const lines = [`${counts.join(', ') || 'No new cells'}.`];
  if (cells.formulas > 0) {
    lines.push(`${formatCount(cells.formulas)} of them are formulas in the file; their last values were taken.`);
  }
  if (cells.emptyFormulas > 0) {
    lines.push(
      `${formatCount(cells.emptyFormulas)} formulas have no value in the file: their cells are empty. Calculate and save it to have them.`,
    );
  }
  if (cells.mergedAreas > 0) {
    lines.push(`${formatCount(cells.mergedAreas)} merged areas: the value is in the top left cell.`);
  }
  for (const { column, reason, count, example } of notes.slice(0, MAX_NOTES)) {
    lines.push(`Column ${column}: ${formatCount(count)} ${count === 1 ? 'text' : 'texts'} ${WHY[reason]} (as in '${example}').`);
  }
  if (notes.length > MAX_NOTES) {
    lines.push(`… and ${notes.length - MAX_NOTES} more such columns; --json has them.`);
  }
  return lines;
}
