/** Entries by chance, of every shape that the log types know. */
import type { CellValue } from '../../src/spreadsheet/cell.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { type BankEntry, bankEntryFor } from '../support/bank-account.ts';
import type { Random } from './random.ts';

const ROWS = 300;
const COLUMNS = 40;
const FAR_ROW = 2 ** 30 - 1;
const FAR_COLUMN = 2 ** 20 - 1;
const FORMATS = ['0.00', 'yyyy-mm-dd', '@', '# ##0'];
const ERRORS = ['#REF!', '#DIV/0!', '#N/A'] as const;

export const bankEntryOf = (random: Random): BankEntry => bankEntryFor(random.integer(0, 1_000_000));

export function cellEntryOf(random: Random): SheetEntry {
  const format = random.chance(0.2) ? { format: random.pick(FORMATS) } : {};
  const isFar = random.chance(0.01);
  const row = isFar ? FAR_ROW : random.integer(0, ROWS);
  const column = isFar ? FAR_COLUMN : random.integer(0, COLUMNS);
  if (isFar || random.chance(0.8)) {
    return { type: 'SetCellValueAndFormat', row, column, value: cellValueOf(random), ...format };
  }
  const width = random.integer(1, 6);
  const values = Array.from({ length: random.integer(1, 6) }, () => Array.from({ length: width }, () => cellValueOf(random)));
  return { type: 'SetCellRange', row, column, values, ...format };
}

/** Nearly each in a tile of its own. */
export function scatteredEntryOf(random: Random): SheetEntry {
  return { type: 'SetCellValueAndFormat', row: random.integer(0, 60_000), column: random.integer(0, 600), value: cellValueOf(random) };
}

/** 20,000 cells in one entry, over those of others. */
export function denseEntryOf(random: Random): SheetEntry {
  const values = Array.from({ length: 1_000 }, () => Array.from({ length: 20 }, () => random.integer(0, 9_999)));
  return { type: 'SetCellRange', row: random.integer(0, 12_000), column: random.integer(0, 12), values };
}

function cellValueOf(random: Random): CellValue {
  switch (random.integer(0, 9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return { type: 'CellError', value: random.pick(ERRORS) };
    case 3:
      return random.next() * 10 ** random.integer(-8, 12);
    case 4:
      return random.pick(['', '007', 'Grüße, 😀', 'a"b\\c\n', '#REF!', 'true']);
    case 5:
    case 6:
      return `text ${random.integer(0, 1_000_000)}`;
    default:
      return random.integer(-1_000_000, 1_000_000);
  }
}
