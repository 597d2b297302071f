/** What `tidemark import` is asked for, in the library's words. */
import { InvalidArgumentError } from 'commander';
import { parseColumnNames } from '../spreadsheet/a1.ts';
import { DEFAULT_LIMITS, type WorkbookLimits } from '../spreadsheet/xlsx/limits.ts';

/** 'B,D' → [1, 3] */
export function parseColumns(text: string): number[] {
  try {
    return parseColumnNames(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export function parseTypes(text: string): 'on' | 'off' {
  if (text !== 'on' && text !== 'off') {
    throw new InvalidArgumentError("Use 'on' or 'off'.");
  }
  return text;
}

/** 'ratio=500', once or more. */
export function parseLimit(text: string, before: Partial<WorkbookLimits> = {}): Partial<WorkbookLimits> {
  const [name = '', value = ''] = text.split('=');
  if (!(name in DEFAULT_LIMITS) || !/^[1-9]\d{0,14}$/.test(value)) {
    throw new InvalidArgumentError(
      `Use one of ${Object.keys(DEFAULT_LIMITS).join(', ')}, an equals sign and a whole number from 1, for example ratio=500.`,
    );
  }
  return { ...before, [name]: Number(value) };
}
