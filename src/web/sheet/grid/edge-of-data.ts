/**
 * Where Ctrl and an arrow go: to the end of the cells that follow one another, or over a gap to the next one.
 *
 * Cells that are not loaded cannot be looked at; the step ends at the last row or column with cells then, where it would in a column without gaps.
 */
import type { Place } from './selection.ts';

export interface EdgeOptions {
  /** undefined: not loaded. */
  isFilled(place: Place): boolean | undefined;
  /** Rows and columns up to the last one that holds a cell. */
  counts: { rowCount: number; columnCount: number };
}

export function edgeOfData(from: Place, by: { rows?: -1 | 1; columns?: -1 | 1 }, { isFilled, counts }: EdgeOptions): Place {
  const along = by.rows === undefined ? 'column' : 'row';
  const direction = by.rows ?? by.columns ?? 1;
  const last = Math.max(0, (along === 'row' ? counts.rowCount : counts.columnCount) - 1);
  const end = direction > 0 ? Math.max(last, from[along]) : 0;
  const at = (index: number): Place => ({ ...from, [along]: index });
  let index = from[along];
  if (index === end) {
    return from;
  }
  const isRun = isFilled(from) === true && isFilled(at(index + direction)) === true;
  while (index !== end) {
    const next = isFilled(at(index + direction));
    if (next === undefined) {
      return at(end);
    }
    if (isRun && !next) {
      return at(index);
    }
    index += direction;
    if (!isRun && next) {
      return at(index);
    }
  }
  return at(end);
}
