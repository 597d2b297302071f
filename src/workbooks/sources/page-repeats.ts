/**
 * Notices a source whose pages never end: places that go round, and pages that are all the same because the server does not know the parameter that asks for the
 * next one. It remembers one earlier place, at growing distances (Brent), and the page before.
 */
import { isDeepStrictEqual } from 'node:util';
import { SourceRefusedError } from '../source-errors.ts';

/** Pages in a row that are the same, and not empty. Some may be, where records have no id. */
const MAX_ALIKE = 5;

/** @returns asked of each page. @throws SourceRefusedError */
export function pageRepeats(host: string): (page: { place: unknown; next: unknown; records: readonly unknown[] }) => void {
  let earlier: string | undefined;
  let pages = 0;
  let keptAt = 1;
  let before: readonly unknown[] = [];
  let alike = 1;
  return ({ place, next, records }) => {
    alike = records.length > 0 && isDeepStrictEqual(records, before) ? alike + 1 : 1;
    before = records;
    if (alike === MAX_ALIKE) {
      throw new SourceRefusedError(
        `${host} has given the same page ${MAX_ALIKE} times in a row. Check paging: it may call its parameter otherwise.`,
      );
    }
    if (next === null) return;
    pages += 1;
    if (pages === keptAt) {
      earlier = JSON.stringify(place);
      keptAt *= 2;
    }
    const after = JSON.stringify(next);
    if (after === JSON.stringify(place) || after === earlier) {
      throw new SourceRefusedError(`${host} says that a page is followed by itself, or by one before it. Check paging.`);
    }
  };
}
