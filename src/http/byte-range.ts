/** What is left of `Range` (RFC 9110): one range of bytes. Anything else is answered with the whole. */
import { TidemarkError } from '../errors.ts';

export interface ByteRange {
  start: number;
  /** Exclusive. */
  end: number;
}

export class RangeNotSatisfiableError extends TidemarkError {
  readonly length: number;

  constructor(length: number) {
    super('range_not_satisfiable', `The range begins behind the end: there are ${length} bytes.`);
    this.length = length;
  }
}

/** @returns undefined for the whole. @throws RangeNotSatisfiableError */
export function parseByteRange(header: string | undefined, length: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) {
    return undefined;
  }
  if (first === '') {
    const count = Math.min(Number(last), length);
    if (count === 0) {
      throw new RangeNotSatisfiableError(length);
    }
    return { start: length - count, end: length };
  }
  const start = Number(first);
  const end = last === '' ? length : Math.min(Number(last) + 1, length);
  if (last !== '' && Number(last) < start) {
    return undefined;
  }
  if (start >= length) {
    throw new RangeNotSatisfiableError(length);
  }
  return { start, end };
}
