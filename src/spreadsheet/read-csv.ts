/**
 * Records of a CSV file, one by one: UTF-8 with or without a byte order mark, also in gzip.
 * What is wrong with the file is an InvalidInputError that says where its last good record ended; errors of reading it pass unchanged.
 */
import { setImmediate } from 'node:timers/promises';
import { type CsvBytesOptions, csvBytes } from './csv-bytes.ts';
import { decodeUtf8 } from './csv-encoding.ts';
import { type CsvRecord, createCsvParser } from './csv-parser.ts';

export interface ReadCsvOptions extends CsvBytesOptions {
  /** One character. */
  delimiter: string;
}

/** Between two pieces the process does what else it has to: one of blank lines alone is so many records. */
const PIECE_CHARACTERS = 16 * 1024;

export async function* readCsv(
  source: AsyncIterable<Uint8Array>,
  { name, delimiter, limits }: ReadCsvOptions,
): AsyncGenerator<CsvRecord, void, undefined> {
  const parser = createCsvParser(delimiter, name);
  for await (const text of decodeUtf8(csvBytes(source, { name, limits }), name)) {
    for (let start = 0; start < text.length; start += PIECE_CHARACTERS) {
      for (const record of parser.read(text.slice(start, start + PIECE_CHARACTERS))) {
        yield record;
      }
      await setImmediate();
    }
  }
  for (const record of parser.end()) {
    yield record;
  }
}
