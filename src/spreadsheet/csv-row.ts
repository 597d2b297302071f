/** A record of a CSV file as a row of a sheet, or the reason why it is none: past the end of a sheet, or a text that no cell takes. */
import { InvalidInputError } from '../errors.ts';
import { type CellValue, MAX_COLUMNS, MAX_ROWS, textProblem } from './cell.ts';
import type { CsvRecord } from './csv-parser.ts';
import type { ReportInMaking } from './import-report.ts';
import { recogniseField, textReason } from './recognise-field.ts';
import type { FileRow } from './row-batches.ts';

export interface CsvRowOptions {
  /** Of the file, for messages. */
  name: string;
  /** Where it goes, from 0. */
  row: number;
  /** Of columns whose fields stay text. */
  isText: (column: number) => boolean;
  report: ReportInMaking;
  /** Of the file read so far. */
  bytes: number;
}

/** @throws InvalidInputError with the limit in its message */
export function csvRow({ fields, quoted, line }: CsvRecord, { name, row, isText, report, bytes }: CsvRowOptions): FileRow {
  if (row >= MAX_ROWS || fields.length > MAX_COLUMNS) {
    throw pastSheet(name, line);
  }
  let formats: (string | undefined)[] | undefined;
  const values = fields.map((field, column): CellValue => {
    const problem = textProblem(field);
    if (problem !== undefined) {
      throw new InvalidInputError(
        `'${name}' cannot be imported: in the record that ends on line ${line}, field ${column + 1}, ${problem}.`,
      );
    }
    const isQuoted = quoted?.[column] === true;
    const cell = isQuoted ? field : isText(column) ? field || null : recogniseField(field);
    if (typeof cell === 'object' && cell !== null && cell.type === 'date') {
      formats ??= [];
      formats[column] = cell.format;
      report.count(cell.serial, true);
      return cell.serial;
    }
    report.count(cell, false);
    const reason = typeof cell === 'string' && !isText(column) ? textReason(cell) : undefined;
    if (reason !== undefined) {
      report.note(column, reason, field);
    }
    return cell;
  });
  return { row, values, formats, identity: `${JSON.stringify(fields)}\n`, bytes };
}

export function pastSheet(name: string, line: number): InvalidInputError {
  return new InvalidInputError(
    `'${name}' is too large for a sheet at line ${line}: it ends at ${MAX_ROWS} rows and ${MAX_COLUMNS} columns.`,
  );
}
