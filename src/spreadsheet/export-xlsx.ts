/**
 * A sheet as an XLSX file of one worksheet: values and number formats, cell by cell, written as it is read. Imported again it gives the same cells.
 * An XLSX file ends at 1,048,576 rows and 16,384 columns, and here at 4 GiB of XML: what is larger is refused.
 */
import { Readable } from 'node:stream';
import { InvalidInputError } from '../errors.ts';
import { rangeName } from './a1.ts';
import type { CellRange } from './cell.ts';
import { type ExportOptions, exportBands, rangeToExport } from './export-bands.ts';
import { fixedParts, STYLES_PART, stylesPart, WORKSHEET_END, WORKSHEET_PART, WORKSHEET_START } from './xlsx/workbook-parts.ts';
import { createRowWriter } from './xlsx/write-row.ts';

export interface ExportXlsxOptions extends ExportOptions {
  /** Name of the worksheet; what programs refuse in one is replaced. Default 'Sheet1'. */
  worksheet?: string | undefined;
}

const MAX_ROWS = 1_048_576;
const MAX_COLUMNS = 16_384;
const MAX_XML_BYTES = 2 ** 32 - 1;
/** Files are a tenth larger than at the usual 6, in a third of the time. */
const COMPRESSION_LEVEL = 3;

/**
 * The bytes of the file. Nothing is read before they are asked for.
 * @throws InvalidInputError for a sheet without cells, or a range that is too large for XLSX; what the blob store throws
 */
export async function* exportXlsx(options: ExportXlsxOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const range = await rangeToExport(options);
  if (range.rowCount > MAX_ROWS || range.columnCount > MAX_COLUMNS) {
    throw new InvalidInputError(
      `${rangeName(range)} is too large for an XLSX file, which ends at ${MAX_ROWS} rows and ${MAX_COLUMNS} columns. Export a range of it, or CSV.`,
    );
  }
  // Loaded where it is used.
  const { ZipFile } = await import('yazl');
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  zip.on('error', (error) => output.destroy(error as Error));
  const compressed = { compressionLevel: COMPRESSION_LEVEL };
  for (const [part, xml] of fixedParts(worksheetName(options.worksheet))) {
    zip.addBuffer(Buffer.from(xml), part, compressed);
  }
  const writer = createRowWriter();
  const rows = Readable.from(worksheetXml(range, options, writer.write), { objectMode: false });
  zip.addReadStream(rows, WORKSHEET_PART, compressed);
  // After the rows: it lists the formats that they used.
  zip.addReadStreamLazy(STYLES_PART, compressed, (ready) => ready(null, Readable.from([Buffer.from(stylesPart(writer.formats()))])));
  zip.end();
  try {
    yield* output as AsyncIterable<Uint8Array>;
  } finally {
    rows.destroy();
  }
}

async function* worksheetXml(
  range: CellRange,
  options: ExportOptions,
  write: ReturnType<typeof createRowWriter>['write'],
): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from(WORKSHEET_START);
  let row = 0;
  let bytes = 0;
  for await (const band of exportBands(range, options)) {
    const xml: string[] = [];
    for (const cells of band) {
      xml.push(write(row, cells));
      row += 1;
    }
    const chunk = Buffer.from(xml.join(''));
    bytes += chunk.length;
    if (bytes > MAX_XML_BYTES - 1_000) {
      throw new InvalidInputError(
        `The sheet is over ${MAX_XML_BYTES} bytes of XML, the limit of an XLSX file here. Export a range of it, or CSV.`,
      );
    }
    if (chunk.length > 0) {
      yield chunk;
    }
  }
  yield Buffer.from(WORKSHEET_END);
}

/** At most 31 characters, and none that formulas use. */
function worksheetName(name = 'Sheet1'): string {
  return name.replaceAll(/[[\]:*?/\\]/g, '_').slice(0, 31) || 'Sheet1';
}
