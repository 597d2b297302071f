/** What an import made of a file, counted: how many cells of each type, and what a person should have a look at, column by column. */
import { columnName } from './a1.ts';
import type { CellValue } from './cell.ts';
import type { TextReason } from './recognise-field.ts';

/** Cells of the whole file, those of earlier calls included. */
export interface ImportedCells {
  numbers: number;
  /** Numbers that a format shows as a date. */
  dates: number;
  booleans: number;
  texts: number;
  errors: number;
  /** Cells of a workbook that hold a formula: its last value was imported, not the formula. Counted above as what that value is. */
  formulas: number;
  /** Formulas without a value in the file, by a program that did not calculate: no cells. Not counted above. */
  emptyFormulas: number;
  /** Merged areas of a workbook: the value is in the top left cell. */
  mergedAreas: number;
}

export interface ImportNote {
  /** A1 name. */
  column: string;
  reason: TextReason;
  count: number;
  /** The first such text. */
  example: string;
}

export interface ImportReport {
  cells: ImportedCells;
  /** The columns with most of them first; at most 100. */
  notes: ImportNote[];
}

export interface ReportInMaking {
  readonly cells: ImportedCells;
  count(value: CellValue, isDate: boolean): void;
  /** A text that was kept as text although it looks like something else. */
  note(column: number, reason: TextReason, text: string): void;
  finish(): ImportReport;
}

const MAX_NOTES = 100;
/** Of a file that has more such columns, those further right are left out. */
const MAX_NOTED = 10_000;

export function createReport(): ReportInMaking {
  const cells: ImportedCells = { numbers: 0, dates: 0, booleans: 0, texts: 0, errors: 0, formulas: 0, emptyFormulas: 0, mergedAreas: 0 };
  const noted = new Map<string, { column: number; reason: TextReason; count: number; example: string }>();
  return {
    cells,
    count(value, isDate) {
      switch (typeof value) {
        case 'number':
          cells[isDate ? 'dates' : 'numbers'] += 1;
          break;
        case 'string':
          cells.texts += 1;
          break;
        case 'boolean':
          cells.booleans += 1;
          break;
        default:
          cells.errors += value === null ? 0 : 1;
      }
    },
    note(column, reason, text) {
      const key = `${column} ${reason}`;
      const one = noted.get(key);
      if (one !== undefined) {
        one.count += 1;
      } else if (noted.size < MAX_NOTED) {
        // A copy: the text itself may be a part of a larger one, and keep it in memory.
        noted.set(key, { column, reason, count: 1, example: Buffer.from(text).toString() });
      }
    },
    finish() {
      const notes = [...noted.values()].sort((one, other) => other.count - one.count || one.column - other.column).slice(0, MAX_NOTES);
      return { cells, notes: notes.map((note) => ({ ...note, column: columnName(note.column) })) };
    },
  };
}
