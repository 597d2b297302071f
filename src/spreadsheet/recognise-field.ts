/**
 * What the text of a CSV field is: a number, a date, a boolean, an error or text.
 *
 * One rule, cell by cell: it is something else than text only where that writes itself as exactly this text again. So nothing is lost by
 * recognising, no column has to be read ahead, and an import of an export gives the same cells. '007', '1.50' and '1e5' stay text.
 */
import { CELL_ERROR_VALUES, type CellError, type CellValue } from './cell.ts';
import { type DateCell, parseIsoDate } from './date-serial.ts';

const ERRORS: ReadonlyMap<string, CellError> = new Map(CELL_ERROR_VALUES.map((value) => [value, { type: 'CellError', value }]));
/** As spreadsheets write them in English. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['TRUE', true],
  ['FALSE', false],
]);

/** '' is no cell. */
export function recogniseField(field: string): CellValue | DateCell {
  const first = field.charCodeAt(0);
  if ((first >= 0x30 && first <= 0x39) || first === 0x2d) {
    const number = Number(field);
    return Number.isFinite(number) && String(number) === field ? number : (parseIsoDate(field) ?? field);
  }
  switch (first) {
    case 0x54: // T
    case 0x46: // F
      return BOOLEANS.get(field) ?? field;
    case 0x23: // #
      return ERRORS.get(field) ?? field;
    default:
      return field === '' ? null : field;
  }
}

/** Why a text that a person would take for a number or a date was kept as text. */
export type TextReason = 'leading zeros' | 'too many digits' | 'another spelling' | 'quoted' | 'another date order';

const NUMBER_LIKE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const GROUPED = /^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;
const DATE_LIKE = /^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[ T]\d|$)/;
/** Digits that every number keeps. */
const SAFE_DIGITS = 15;

/** @returns undefined for text that is just text */
export function textReason(field: string): TextReason | undefined {
  const first = field.charCodeAt(0);
  // Digits and + , - . are all that such a text begins with.
  if (first > 0x39 || first < 0x2b || field.length > 40) {
    return undefined;
  }
  if (NUMBER_LIKE.test(field)) {
    const [digits = ''] = field.replace(/^[+-]/, '').split(/[eE]/);
    if (/^0\d/.test(digits)) {
      return 'leading zeros';
    }
    if (digits.replace('.', '').length > SAFE_DIGITS) {
      return 'too many digits';
    }
    const number = Number(field);
    return Number.isFinite(number) && String(number) === field ? 'quoted' : 'another spelling';
  }
  if (GROUPED.test(field)) {
    return 'another spelling';
  }
  if (DATE_LIKE.test(field)) {
    return parseIsoDate(field) === undefined ? 'another date order' : 'quoted';
  }
  return undefined;
}
