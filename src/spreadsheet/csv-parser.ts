/**
 * Text of a CSV file as records (RFC 4180): any line endings, rows of any length, quotes only around a whole field, a quote inside written twice.
 *
 * What it holds is bounded whatever the text is: a record ends at MAX_RECORD_CHARACTERS, which a quote that is never closed comes to, and at the
 * columns of a sheet, where a record of delimiters alone would be a hundred times its size in memory. A record costs what its text costs, also a blank
 * line and one of another length than those before.
 */
import { InvalidInputError } from '../errors.ts';
import { MAX_COLUMNS } from './cell.ts';
import { pastSheet } from './csv-row.ts';

export interface CsvRecord {
  fields: string[];
  /** Which fields stand in quotes; absent: none does. */
  quoted?: readonly (boolean | undefined)[] | undefined;
  /** Where the record ends: its last line, from 1. */
  line: number;
  /** Of the file up to the record's end, without a byte order mark. */
  characters: number;
}

export interface CsvParser {
  /** The records that end in this piece, which may end anywhere. @throws InvalidInputError after the records before the fault */
  read(text: string): Generator<CsvRecord, void, undefined>;
  /** The last record, where no line end follows it. */
  end(): Generator<CsvRecord, void, undefined>;
}

const MAX_RECORD_CHARACTERS = 16 * 1024 * 1024;

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Where in a field the text goes on. `closing`: after a quote that ends the field, or is the first of two. */
type Place = 'start' | 'plain' | 'quoted' | 'closing';

/** @param delimiter one character @param name for messages */
export function createCsvParser(delimiter: string, name: string): CsvParser {
  const delimiterCode = delimiter.charCodeAt(0);
  let place: Place = 'start';
  let fields: string[] = [];
  let quoted: (boolean | undefined)[] | undefined;
  /** Of the field, from pieces before and up to a quote that was written twice. */
  let field = '';
  let line = 1;
  /** Characters of the pieces before. */
  let before = 0;
  /** Characters before the line, and before the record. */
  let lineStart = 0;
  let recordStart = 0;
  let afterReturn = false;
  let last: { line: number; column: number } | undefined;

  function fault(reason: string): InvalidInputError {
    const where = last === undefined ? ' in its first record' : `; its last good record ended at line ${last.line}, column ${last.column}`;
    return new InvalidInputError(`'${name}' ${reason}${where}.`);
  }

  function checkLength(end: number): void {
    if (end - recordStart > MAX_RECORD_CHARACTERS) {
      throw fault(`has a record over ${MAX_RECORD_CHARACTERS} characters (a quote that is never closed?)`);
    }
  }

  function endField(rest: string, end: number): void {
    checkLength(end);
    if (fields.length === MAX_COLUMNS) {
      throw pastSheet(name, line);
    }
    if (place === 'closing') {
      quoted ??= [];
      quoted[fields.length] = true;
    }
    fields.push(field === '' ? rest : field + rest);
    field = '';
    place = 'start';
  }

  /** @param end where its line ends */
  function endRecord(end: number): CsvRecord {
    const record = { fields, quoted, line, characters: end };
    last = { line, column: end - lineStart };
    fields = [];
    quoted = undefined;
    return record;
  }

  /** @param at the line's end, in all characters */
  function beginLine(code: number, at: number): void {
    // The second half of a line end begins the same line once more.
    line += code === LINE_FEED && afterReturn && at === lineStart ? 0 : 1;
    afterReturn = code === CARRIAGE_RETURN;
    lineStart = at + 1;
  }

  /** @param offset characters before the text */
  function countLines(text: string, offset: number): void {
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === LINE_FEED || code === CARRIAGE_RETURN) {
        beginLine(code, offset + at);
      }
    }
  }

  function endLine(code: number, at: number): void {
    beginLine(code, at);
    recordStart = lineStart;
  }

  function* read(text: string): Generator<CsvRecord, void, undefined> {
    let at = 0;
    while (at < text.length) {
      if (place === 'start') {
        const code = text.charCodeAt(at);
        if (code === LINE_FEED && afterReturn && before + at === lineStart) {
          endLine(code, before + at);
          at += 1;
          continue;
        }
        place = code === QUOTE ? 'quoted' : 'plain';
        at += code === QUOTE ? 1 : 0;
      }
      if (place === 'quoted') {
        at = readQuoted(text, at);
      }
      if (at < text.length && place !== 'quoted') {
        const start = at;
        at = place === 'plain' ? endOfPlain(text, at) : at;
        const code = text.charCodeAt(at);
        const rest = text.slice(start, at);
        if (at === text.length) {
          field += rest;
        } else if (code === QUOTE && place === 'closing') {
          field += '"';
          place = 'quoted';
        } else if (code === delimiterCode) {
          endField(rest, before + at);
        } else if (code === LINE_FEED || code === CARRIAGE_RETURN) {
          endField(rest, before + at);
          yield endRecord(before + at);
          endLine(code, before + at);
        } else if (code === QUOTE) {
          throw fault('has a quote inside an unquoted field (quote the field, and write the quote twice)');
        } else {
          throw fault('has text after a closing quote (inside a quoted field a quote is written twice)');
        }
        at += 1;
      }
    }
    before += text.length;
    checkLength(before);
  }

  /** @returns past the closing quote, or the end of the piece */
  function readQuoted(text: string, start: number): number {
    let end = text.indexOf('"', start);
    let hasQuotes = false;
    while (end >= 0 && text.charCodeAt(end + 1) === QUOTE) {
      hasQuotes = true;
      end = text.indexOf('"', end + 2);
    }
    const raw = text.slice(start, end < 0 ? text.length : end);
    countLines(raw, before + start);
    // At once and not quote by quote: a field of a million quotes is otherwise as many strings.
    field += hasQuotes ? raw.replaceAll('""', '"') : raw;
    if (end < 0) {
      return text.length;
    }
    place = 'closing';
    return end + 1;
  }

  function endOfPlain(text: string, start: number): number {
    for (let at = start; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === delimiterCode || code === LINE_FEED || code === CARRIAGE_RETURN || code === QUOTE) {
        return at;
      }
    }
    return text.length;
  }

  function* end(): Generator<CsvRecord, void, undefined> {
    if (place === 'quoted') {
      throw fault('has a quote that is never closed');
    }
    if (place !== 'start' || fields.length > 0) {
      endField('', before);
      yield endRecord(before);
    }
  }

  return { read, end };
}
