/**
 * A sheet as a CSV file: UTF-8, commas, a line feed after each row. Numbers as their exact text, dates by their format as ISO text, TRUE and FALSE, errors
 * as they are shown, texts that would be read as something else in quotes. Imported again it gives the same values, in the same places.
 */
import { InvalidInputError } from '../errors.ts';
import { csvField } from './csv-field.ts';
import { type ExportOptions, exportBands, rangeToExport } from './export-bands.ts';

export interface ExportCsvOptions extends ExportOptions {
  /** One of , ; | and a tab. Default: a comma. */
  delimiter?: string | undefined;
  /**
   * A text that begins with =, +, -, @, a tab or a carriage return gets an apostrophe before it, so that no program runs it as a formula. It is then
   * another text: an import does not give it back. Default false.
   */
  escapeFormulas?: boolean | undefined;
}

/** What neither numbers nor dates nor the names of errors hold. */
const DELIMITERS = [',', ';', '|', '\t'];

/**
 * The bytes of the file, a band of rows at a time. Nothing is read before they are asked for.
 * @throws InvalidInputError for a sheet without cells, too large a range, or another delimiter; what the blob store throws
 */
export async function* exportCsv(options: ExportCsvOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { delimiter = ',', escapeFormulas = false } = options;
  if (!DELIMITERS.includes(delimiter)) {
    throw new InvalidInputError(`'${delimiter}' cannot stand between the fields of an export: use ',', ';', '|' or a tab.`);
  }
  const range = await rangeToExport(options);
  const encoder = new TextEncoder();
  for await (const band of exportBands(range, options)) {
    const lines = band.map((cells) => `${cells.map((cell) => csvField(cell, { delimiter, escapeFormulas })).join(delimiter)}\n`);
    yield encoder.encode(lines.join(''));
  }
}
