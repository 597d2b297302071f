/** One worksheet of an XLSX file, page by page: opens the archive, reads what cells point to, then the rows as they are unpacked. */
import { InvalidInputError } from '../../errors.ts';
import type { WorkbookLimits } from './limits.ts';
import { openPackage } from './open-package.ts';
import { readFormats, readSharedStrings, readWorkbook } from './read-workbook.ts';
import { readWorksheet, type WorksheetPage } from './read-worksheet.ts';

export interface ReadXlsxOptions {
  file: string;
  /** For messages. */
  name: string;
  /** Default: the first one. */
  worksheet?: string | undefined;
  limits: WorkbookLimits;
}

export interface XlsxPage extends WorksheetPage {
  worksheet: string;
  /** Of the worksheet, unpacked. */
  totalBytes: number;
}

/**
 * At least one page, the last one perhaps without rows.
 * @throws InvalidInputError for a file that is no workbook or is over a limit; the signal's reason
 */
export async function* readXlsx(
  { file, name, worksheet, limits }: ReadXlsxOptions,
  signal?: AbortSignal,
): AsyncGenerator<XlsxPage, void, undefined> {
  const zip = await openPackage(file, name, limits, signal);
  try {
    const workbook = await readWorkbook(zip);
    const found = worksheet === undefined ? workbook.worksheets[0] : workbook.worksheets.find((one) => one.name === worksheet);
    if (found === undefined) {
      const names = workbook.worksheets.map((one) => `'${one.name}'`).slice(0, 20);
      throw new InvalidInputError(`'${name}' has no worksheet '${worksheet}'; it has ${names.join(', ')}.`);
    }
    const sharedStrings = workbook.sharedStringsPart === undefined ? [] : await readSharedStrings(zip, workbook.sharedStringsPart);
    const formats = workbook.stylesPart === undefined ? [] : await readFormats(zip, workbook.stylesPart);
    const totalBytes = zip.size(found.part) ?? 0;
    const { is1904, isOurs } = workbook;
    for await (const page of readWorksheet(zip, found.part, { worksheet: found.name, sharedStrings, formats, is1904, isOurs })) {
      yield { ...page, worksheet: found.name, totalBytes };
    }
  } finally {
    zip.close();
  }
}
