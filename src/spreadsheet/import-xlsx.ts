/**
 * Imports one worksheet of an XLSX file into a sheet: values, and number formats as they are. Of formulas the value that the file holds, merged areas
 * as their top left cell. How it goes on after a kill: import-rows.ts.
 */
import { basename } from 'node:path';
import { showsDate } from './date-serial.ts';
import { createReport, type ReportInMaking } from './import-report.ts';
import { type ImportOptions, type ImportValue, importRows } from './import-rows.ts';
import type { ImportRow } from './rectangles.ts';
import { DEFAULT_LIMITS, type WorkbookLimits } from './xlsx/limits.ts';
import type { XlsxPage } from './xlsx/read-xlsx.ts';

export interface ImportXlsxOptions extends ImportOptions {
  /** Path of the file. */
  file: string;
  /** Names the import within the sheet, with the worksheet's name; default: the file's name. */
  name?: string | undefined;
  /** Its name; default: the first one. */
  worksheet?: string | undefined;
  limits?: Partial<WorkbookLimits> | undefined;
  /** Default true: it is read in a thread of its own, whose memory is limited. false: in this one, without that limit. */
  thread?: boolean | undefined;
}

export interface ImportXlsxValue extends ImportValue {
  worksheet: string;
}

/** Of the 200 characters that an import's name may have. */
const MAX_FILE_NAME = 140;
const MAX_WORKSHEET_NAME = 50;

/**
 * @throws InvalidInputError: no XLSX file, damaged, encrypted, over a limit, no such worksheet or an empty one, another file than the one begun
 * under this name, or a sheet with other cells in it; the signal's reason; anything that the log, the blob store and the disk throw
 */
export async function importXlsx(options: ImportXlsxOptions): Promise<ImportXlsxValue> {
  const { file, name = basename(file), worksheet, limits, thread = true, signal } = options;
  const reading = { file, name, worksheet, limits: { ...DEFAULT_LIMITS, ...limits } };
  // Loaded where it is used: an application that imports no workbook has no parser in memory.
  const pages = thread
    ? (await import('./xlsx/read-in-thread.ts')).readXlsxInThread(reading, signal)
    : (await import('./xlsx/read-xlsx.ts')).readXlsx(reading, signal);
  try {
    const first = (await pages.next()).value as XlsxPage;
    const report = createReport();
    let bytes = 0;
    async function* records(): AsyncGenerator<ImportRow> {
      for (let page: XlsxPage | undefined = first; page !== undefined; page = (await pages.next()).value as XlsxPage | undefined) {
        report.cells.formulas += page.formulas;
        report.cells.emptyFormulas += page.emptyFormulas;
        report.cells.mergedAreas += page.mergedAreas;
        bytes = page.bytes;
        yield* page.rows;
      }
    }
    const mark = `${name.slice(0, MAX_FILE_NAME)}: ${first.worksheet.slice(0, MAX_WORKSHEET_NAME)}`;
    const value = await importRows(
      { name: mark, records: records(), rowOf: (row) => countRow(row, report, bytes), report, totalBytes: first.totalBytes },
      options,
    );
    return { ...value, worksheet: first.worksheet };
  } finally {
    await pages.return();
  }
}

function countRow(row: ImportRow, report: ReportInMaking, bytes: number) {
  const { values, columns, formats } = row;
  for (let index = 0; index < values.length; index += 1) {
    const format = formats?.[index];
    report.count(values[index] ?? null, format !== undefined && showsDate(format));
  }
  return { ...row, identity: `${JSON.stringify([row.row, columns, values, formats])}\n`, bytes };
}
