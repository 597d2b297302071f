/**
 * A cell as a field of a CSV file, and what quotes say when it is read again.
 *
 * A text that would be read as something else stands in quotes: "12", "TRUE", "2024-01-31", and "" for a text without characters.
 * So quotes mean text, unless the file is of a program that quotes everything.
 */
import type { Cell } from './cell.ts';
import { isoDateText } from './date-serial.ts';
import { recogniseField } from './recognise-field.ts';

/** Whether a text can only be read as this text where it stands in quotes. */
export function needsQuotes(text: string, delimiter: string): boolean {
  return /["\r\n]|^\ufeff/.test(text) || text.includes(delimiter) || recogniseField(text) !== text;
}

export interface CsvFieldOptions {
  delimiter: string;
  /** Text that begins as a formula does gets an apostrophe before it. */
  escapeFormulas: boolean;
}

/** What other programs take for the beginning of a formula. */
const FORMULA_START = /^[=+\-@\t\r]/;

export function csvField({ value, format }: Cell, { delimiter, escapeFormulas }: CsvFieldOptions): string {
  switch (typeof value) {
    case 'number':
      return (format === undefined ? undefined : isoDateText(value, format)) ?? String(value);
    case 'boolean':
      return value ? 'TRUE' : 'FALSE';
    case 'string': {
      const text = escapeFormulas && FORMULA_START.test(value) ? `'${value}` : value;
      return needsQuotes(text, delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
    }
    default:
      return value === null ? '' : value.value;
  }
}
