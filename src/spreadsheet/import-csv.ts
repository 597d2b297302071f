/**
 * Imports a CSV file into a sheet. What a field becomes is one rule (recognise-field.ts), which loses nothing; a field in quotes is text, but in a
 * file that quotes everything (csv-quotes.ts). How it goes on after a kill: import-rows.ts.
 */
import { InvalidInputError } from '../errors.ts';
import { weighQuotes } from './csv-quotes.ts';
import { csvRow } from './csv-row.ts';
import { createReport } from './import-report.ts';
import { type ImportOptions, type ImportValue, importRows } from './import-rows.ts';
import { readCsv } from './read-csv.ts';
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from './unpack-limits.ts';

export interface ImportCsvOptions extends ImportOptions {
  /** The bytes of the file from its beginning, also when going on; plain or gzip. */
  source: AsyncIterable<Uint8Array>;
  /** Names the import within the sheet (a file's name, up to 200 characters): under the same name a call goes on where another one stopped. */
  name: string;
  /** For progress. */
  totalBytes?: number | undefined;
  /** One character; default: a comma. */
  delimiter?: string | undefined;
  /** Of a file in gzip. */
  limits?: Partial<UnpackLimits> | undefined;
  /** 'off' leaves every field text. Default 'on': numbers, dates, booleans and errors are recognised. */
  types?: 'on' | 'off' | undefined;
  /** Columns, from 0, whose fields stay text. */
  textColumns?: readonly number[] | undefined;
}

/**
 * @throws InvalidInputError: no CSV, not UTF-8, empty, another file than the one begun under this name, or a sheet with other cells in it;
 * the signal's reason; anything that the log, the blob store and the source throw
 */
export async function importCsv(options: ImportCsvOptions): Promise<ImportValue> {
  const { source, name, delimiter = ',', totalBytes, types = 'on', textColumns = [] } = options;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new InvalidInputError(`'${delimiter}' cannot stand between the fields of a CSV file: use one character, for example ',' or ';'.`);
  }
  const report = createReport();
  const isText = types === 'off' ? () => true : textTest(textColumns);
  let bytesRead = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const bytes of source) {
      bytesRead += bytes.length;
      yield bytes;
    }
  }
  const limits = { ...DEFAULT_UNPACK_LIMITS, ...options.limits };
  return importRows(
    {
      name,
      report,
      totalBytes,
      records: weighQuotes(readCsv(counted(), { name, delimiter, limits }), delimiter),
      rowOf: (record, row) => csvRow(record, { name, row, isText, report, bytes: bytesRead }),
    },
    options,
  );
}

function textTest(columns: readonly number[]): (column: number) => boolean {
  if (columns.length === 0) {
    return () => false;
  }
  const chosen = new Set(columns);
  return (column) => chosen.has(column);
}
