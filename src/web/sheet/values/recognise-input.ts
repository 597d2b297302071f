/**
 * What a person has typed into a cell, and what is there to be changed.
 *
 * One rule, that of an import: a text is a number, date or boolean only where that shows as exactly this text again, if need be by a format:
 * '1.50' is 1.5 shown with two decimals, '007' and '1e5' stay text. An apostrophe before it makes anything text.
 */
import type { Cell, CellValue } from '../../../spreadsheet/cell.ts';
import { isoDateText } from '../../../spreadsheet/date-serial.ts';
import { recogniseField } from '../../../spreadsheet/recognise-field.ts';
import { formatKind, formatValue } from './format-value.ts';

const DECIMAL = /^(-?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(%?)$/;
const SAFE_DIGITS = 15;

/** @param format of the cell until now: it stays, unless the text says another kind of itself */
export function recogniseInput(text: string, format?: string): Cell {
  if (format === '@') {
    return text === '' ? { value: null } : { value: text, format };
  }
  if (text.startsWith("'")) {
    return withFormat(text.slice(1), undefined, format);
  }
  const value = recogniseField(text);
  if (typeof value === 'object' && value?.type === 'date') {
    return withFormat(value.serial, value.format, format);
  }
  if (typeof value === 'string') {
    const spelt = /^(?:true|false)$/i.test(value) ? { value: /^t/i.test(value) } : recogniseDecimal(text);
    return spelt ? withFormat(spelt.value, spelt.format, format) : withFormat(value, undefined, format);
  }
  return value === null ? { value } : withFormat(value, undefined, format);
}

function withFormat(value: CellValue, own: string | undefined, before: string | undefined): Cell {
  const format = own === undefined || (before !== undefined && formatKind(before) === formatKind(own)) ? before : own;
  return format === undefined ? { value } : { value, format };
}

function recogniseDecimal(text: string): Cell | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, sign = '', whole = '', fraction = '', percent = ''] = match;
  const digits = `${whole.replaceAll(',', '')}`;
  if ((digits.length > 1 && digits.startsWith('0')) || digits.length + fraction.length > SAFE_DIGITS) {
    return undefined;
  }
  const number = Number(`${sign}${digits}.${fraction || '0'}`);
  const cell: Cell = {
    value: percent === '' ? number : Number((number / 100).toPrecision(SAFE_DIGITS)),
    format: `${whole.includes(',') ? '#,##0' : '0'}${fraction === '' ? '' : `.${'0'.repeat(fraction.length)}`}${percent}`,
  };
  return formatValue(cell) === text ? cell : undefined;
}

/** What an editor begins with: a text that is recognised as this cell again. */
export function textToEdit({ value, format }: Cell): string {
  if (value === null) {
    return '';
  }
  const text = writtenOut({ value, ...(format === undefined ? {} : { format }) });
  if (typeof value !== 'string' || format === '@') {
    return text;
  }
  const { value: recognised } = recogniseInput(value);
  return recognised === value ? text : `'${text}`;
}

function writtenOut({ value, format }: Cell): string {
  if (typeof value !== 'number' || format === undefined) {
    return typeof value === 'number' ? String(value) : formatValue({ value });
  }
  const date = isoDateText(value, format);
  if (date !== undefined) {
    return date;
  }
  if (formatKind(format) === 'percent') {
    const percent = `${Number((value * 100).toPrecision(SAFE_DIGITS))}%`;
    if (recogniseInput(percent, format).value === value) {
      return percent;
    }
  }
  return String(value);
}
