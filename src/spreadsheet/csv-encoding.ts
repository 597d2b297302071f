/** Bytes of a text file as text, without a byte order mark: what is not UTF-8 is refused, with its line. */
import { isUtf8 } from 'node:buffer';
import { InvalidInputError } from '../errors.ts';

const LINE_FEED = 0x0a;

/** @throws InvalidInputError for UTF-16, for bytes that are no UTF-8, and for NUL, which no text file holds */
export async function* decodeUtf8(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let lines = 0;
  let start: Uint8Array = new Uint8Array();
  let isPastStart = false;

  for await (const bytes of source) {
    if (!isPastStart) {
      start = Buffer.concat([start, bytes.subarray(0, 2)]);
      isPastStart = start.length >= 2;
      if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
        throw new InvalidInputError(`'${name}' is UTF-16. Save it as UTF-8 ("CSV UTF-8") and import it again.`);
      }
    }
    if (bytes.includes(0)) {
      throw new InvalidInputError(
        `'${name}' has a NUL byte on line ${lines + lineOf(bytes, bytes.indexOf(0))}: it is no UTF-8 text. Save it as UTF-8 and import it again.`,
      );
    }
    let text: string;
    try {
      text = decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw notUtf8(name, lines + firstWrongLine(bytes), cause);
    }
    lines += lineOf(bytes, bytes.length) - 1;
    yield text;
  }
  try {
    decoder.decode();
  } catch (cause) {
    throw notUtf8(name, lines + 1, cause);
  }
}

function notUtf8(name: string, line: number, cause: unknown): InvalidInputError {
  return new InvalidInputError(`'${name}' is not UTF-8 near line ${line}. Save it as UTF-8 and import it again.`, { cause });
}

/** Lines begun before `offset`, counted from 1. */
function lineOf(bytes: Uint8Array, offset: number): number {
  let line = 1;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0 && at < offset; at = bytes.indexOf(LINE_FEED, at + 1)) {
    line += 1;
  }
  return line;
}

/** A line feed is never part of a longer character, so whole lines can be checked one by one; the first may have begun in the bytes before. */
function firstWrongLine(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
    if (line > 1 && !isUtf8(bytes.subarray(start, end))) {
      return line;
    }
    line += 1;
    start = end + 1;
  }
  return start > 0 && !isUtf8(bytes.subarray(start)) ? line : 1;
}
