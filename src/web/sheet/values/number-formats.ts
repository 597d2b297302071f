/** The formats of the menu, and what "more decimals" makes of any. */
import { type FormatKind, formatKind } from './format-value.ts';

export const FORMATS: readonly { kind: FormatKind; name: string; example: string; code: string | undefined }[] = [
  { kind: 'plain', name: 'Plain', example: '1234.5', code: undefined },
  { kind: 'number', name: 'Number', example: '1,234.50', code: '#,##0.00' },
  { kind: 'percent', name: 'Percent', example: '12.5%', code: '0.0%' },
  { kind: 'date', name: 'Date', example: '2026-01-31', code: 'yyyy-mm-dd' },
  { kind: 'text', name: 'Text', example: '007', code: '@' },
];

const MAX_DECIMALS = 15;

/** @param by 1 or -1 @returns the same code where it has no decimals to change */
export function changeDecimals(format: string | undefined, by: number): string | undefined {
  const kind = formatKind(format);
  if (kind === 'date' || kind === 'text') {
    return format;
  }
  const code = kind === 'plain' ? '0' : (format as string);
  return code.replaceAll(/([#0?])(?:\.([0#?]*))?(?=[^#0?,.]*(?:;|$))/g, (_, last: string, fraction = '') => {
    const decimals = Math.min(MAX_DECIMALS, Math.max(0, fraction.length + by));
    return decimals === 0 ? last : `${last}.${'0'.repeat(decimals)}`;
  });
}
