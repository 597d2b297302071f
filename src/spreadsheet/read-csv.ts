/**
 * Records of a CSV file, one by one: UTF-8 with or without a byte order mark, also in gzip, any line endings, rows of any length.
 * What is wrong with the file is an InvalidInputError that says where its last good record ended; errors of reading it pass unchanged.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CsvError } from 'csv-parse';
import { InvalidInputError } from '../errors.ts';
import { type CsvBytesOptions, csvBytes } from './csv-bytes.ts';
import { checkUtf8 } from './csv-encoding.ts';

export interface CsvRecord {
  fields: string[];
  /** Which fields stand in quotes; absent: none does. */
  quoted?: boolean[] | undefined;
  /** Where the record ends: its last line and that line's last character, from 1. */
  line: number;
  column: number;
  /** Bytes of the unpacked file up to its end. */
  bytes: number;
}

export interface ReadCsvOptions extends CsvBytesOptions {
  /** Default: a comma. */
  delimiter?: string | undefined;
}

/** A quote that is never closed would take the rest of the file for one record. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

export async function* readCsv(
  source: AsyncIterable<Uint8Array>,
  { name, delimiter = ',', onGzip }: ReadCsvOptions,
): AsyncGenerator<CsvRecord, void, undefined> {
  // Loaded where it is used: an application that imports no CSV has no parser in memory.
  const { CsvError, parse } = await import('csv-parse');
  let last: CsvRecord | undefined;
  const parser = parse({
    bom: true,
    delimiter,
    raw: true,
    relax_column_count: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: MAX_RECORD_BYTES,
    // Here and not in the loop below: an error overtakes the records that the stream still holds.
    on_record: (parsed, { lines, bytes }) => {
      const { record, raw } = parsed as unknown as { record: string[]; raw: string }; // so because of `raw`
      last = { fields: record, quoted: quotedFields(record, raw, delimiter), line: lines, column: lastLineLength(raw), bytes };
      return last as never;
    },
  });
  const piped = pipeline(Readable.from(checkUtf8(csvBytes(source, { name, onGzip }), name)), parser);
  piped.catch(() => {}); // the same error ends the loop below
  try {
    yield* parser as AsyncIterable<CsvRecord>;
  } catch (error) {
    if (error instanceof CsvError) {
      const where =
        last === undefined ? ' in its first record' : `; its last good record ended at line ${last.line}, column ${last.column}`;
      throw new InvalidInputError(`'${name}' ${reasonOf(error)}${where}.`, { cause: error });
    }
    throw error;
  }
}

/** The parser takes quotes away; they are in the text that it read. */
function quotedFields(fields: readonly string[], raw: string, delimiter: string): boolean[] | undefined {
  if (!raw.includes('"')) {
    return undefined;
  }
  let at = raw.charCodeAt(0) === 0xfeff ? 1 : 0;
  return fields.map((field) => {
    const isQuoted = raw[at] === '"';
    at += field.length + delimiter.length;
    if (isQuoted) {
      at += 2;
      for (let quote = field.indexOf('"'); quote >= 0; quote = field.indexOf('"', quote + 1)) {
        at += 1;
      }
    }
    return isQuoted;
  });
}

function lastLineLength(raw: string): number {
  const line = raw.replace(/(?:\r\n|\n|\r)$/, '');
  return line.length - (Math.max(line.lastIndexOf('\n'), line.lastIndexOf('\r')) + 1);
}

function reasonOf({ code, message }: CsvError): string {
  switch (code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'has a quote that is never closed';
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE':
      return 'has text after a closing quote (inside a quoted field a quote is written twice)';
    case 'INVALID_OPENING_QUOTE':
      return 'has a quote inside an unquoted field (quote the field, and write the quote twice)';
    case 'CSV_MAX_RECORD_SIZE':
      return `has a record over ${MAX_RECORD_BYTES} bytes (a quote that is never closed?)`;
    default:
      return `is no CSV: ${message}`;
  }
}
