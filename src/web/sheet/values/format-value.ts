/** What a cell shows: its value by its number format. Where a format is unknown or does not fit, the value as it is. */
import type { Cell } from '../../../spreadsheet/cell.ts';
import { showsDate } from '../../../spreadsheet/date-serial.ts';
import { formatDate } from './format-date.ts';
import { formatNumber } from './format-number.ts';

export function formatValue({ value, format }: Cell): string {
  switch (typeof value) {
    case 'number':
      return (format === undefined ? undefined : numberBy(value, format)) ?? plainNumber(value);
    case 'boolean':
      return value ? 'TRUE' : 'FALSE';
    case 'string':
      return value;
    default:
      return value === null ? '' : value.value;
  }
}

function numberBy(value: number, format: string): string | undefined {
  if (format === '@' || /^general$/i.test(format)) {
    return undefined;
  }
  return showsDate(format) || /[hs]/i.test(format.replaceAll(/"[^"]*"|\\.|\[[^\]]*\]/g, ''))
    ? formatDate(value, format.match(/(?:"[^"]*"|\\.|[^;])+/)?.[0]?.replaceAll(/\[[^\]]*\]/g, '') ?? format)
    : formatNumber(value, format);
}

/** 0.1 + 0.2 is 0.3: the sixteenth digit says how it was computed, not what it is. */
function plainNumber(value: number): string {
  const text = String(value);
  return text.length <= 16 ? text : String(Number(value.toPrecision(15)));
}

export type FormatKind = 'plain' | 'number' | 'percent' | 'date' | 'text';

export function formatKind(format: string | undefined): FormatKind {
  if (format === undefined || /^general$/i.test(format)) {
    return 'plain';
  }
  if (format === '@') {
    return 'text';
  }
  return showsDate(format) ? 'date' : format.includes('%') ? 'percent' : 'number';
}
