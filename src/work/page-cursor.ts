/** Where a page of units ended: when its last one was added, to the microsecond, and its id. Opaque to whoever hands it back. */
import { InvalidInputError } from '../errors.ts';

// A Date would lose the microseconds, and with them units.
export function formatCursor(createdAt: string, id: string): string {
  return Buffer.from(JSON.stringify([createdAt, id])).toString('base64url');
}

/** @returns the time, as Postgres writes and reads it, and the id. @throws InvalidInputError */
export function parseCursor(cursor: string): [createdAt: string, id: string] {
  try {
    const [createdAt, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (typeof id === 'string' && !id.includes('\0') && isTime(createdAt)) {
      return [createdAt, id];
    }
  } catch {
    // Said below, in the words of whoever typed it.
  }
  throw new InvalidInputError(`'${cursor.slice(0, 80)}' is not the place where a page ended: use what the page before gave as next.`);
}

const TIME = /^([1-9]\d{3}-\d\d-\d\d) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?[+-](0\d|1[0-5])(:[0-5]\d){0,2}$/;

/** '2026-11-22 10:00:00.123456+00', on a day that there is. */
function isTime(text: unknown): boolean {
  const [, day] = (typeof text === 'string' && TIME.exec(text)) || [];
  const at = new Date(`${day}T00:00:00Z`);
  return day !== undefined && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}
