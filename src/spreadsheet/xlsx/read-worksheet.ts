/**
 * The rows of a worksheet, as it is unpacked: values and number formats of the cells that have a value.
 *
 * Of a formula it takes the value that the file holds for it, and counts it. Of a merged area the file holds the value in the top left cell;
 * areas are counted. Days that are counted from 1904 come out as everywhere else.
 */
import { InvalidInputError } from '../../errors.ts';
import { cellName } from '../a1.ts';
import { CELL_ERROR_VALUES, type CellError, type CellValue, MAX_COLUMNS, MAX_ROWS, textProblem } from '../cell.ts';
import { atWholeSecond, DAYS_FROM_1900_TO_1904, parseIsoDate, showsDate } from '../date-serial.ts';
import type { ImportRow } from '../rectangles.ts';
import { decodeEscapes } from './escapes.ts';
import type { WorkbookPackage } from './open-package.ts';
import { parsePart } from './parse-xml.ts';

export interface WorksheetOptions {
  worksheet: string;
  sharedStrings: readonly string[];
  /** Number formats by the index that cells give. */
  formats: readonly (string | undefined)[];
  is1904: boolean;
  /** Numbers are as they were; else dates are taken to the second that they stand for. */
  isOurs: boolean;
}

export interface WorksheetPage {
  rows: ImportRow[];
  /** Unpacked bytes of the worksheet up to here. */
  bytes: number;
  /** In this page. */
  formulas: number;
  emptyFormulas: number;
  mergedAreas: number;
}

const PAGE_CELLS = 10_000;
const ERRORS: ReadonlyMap<string, CellError> = new Map(CELL_ERROR_VALUES.map((value) => [value, { type: 'CellError', value }]));
const UNKNOWN_ERROR: CellError = { type: 'CellError', value: '#UNKNOWN!' };

interface RowInMaking {
  row: number;
  columns: number[];
  values: CellValue[];
  formats: (string | undefined)[] | undefined;
}

/** @throws InvalidInputError for a cell that no sheet takes */
export async function* readWorksheet(
  zip: WorkbookPackage,
  part: string,
  { worksheet, sharedStrings, formats, is1904, isOurs }: WorksheetOptions,
): AsyncGenerator<WorksheetPage, void, undefined> {
  let page: WorksheetPage = { rows: [], bytes: 0, formulas: 0, emptyFormulas: 0, mergedAreas: 0 };
  let cellsInPage = 0;
  let row: RowInMaking = { row: -1, columns: [], values: [], formats: undefined };
  let column = -1;
  let type = 'n';
  let style: string | undefined;
  let hasFormula = false;
  let hasValue = false;
  let text = '';
  let isText = false;
  let phonetic = 0;

  const refuse = (problem: string) => {
    const cell = row.row >= 0 && column >= 0 ? ` in cell ${cellName(row.row, column)}` : '';
    return new InvalidInputError(`'${zip.name}' cannot be imported: in its worksheet '${worksheet}',${cell && `${cell},`} ${problem}.`);
  };
  const outside = (what: string) =>
    new InvalidInputError(
      `'${zip.name}' is too large for a sheet: its worksheet '${worksheet}' has ${what}; a sheet ends at ${MAX_ROWS} rows and ${MAX_COLUMNS} columns.`,
    );

  function beginRow(reference: string | undefined): void {
    const at = reference === undefined ? row.row + 1 : Number(reference) - 1;
    if (!(Number.isSafeInteger(at) && at >= 0 && at < MAX_ROWS)) {
      throw outside(`a row ${(reference ?? String(at + 1)).slice(0, 20)}`);
    }
    row = { row: at, columns: [], values: [], formats: undefined };
    column = -1;
  }

  function beginCell({ r, t = 'n', s }: Readonly<Record<string, string>>): void {
    column = r === undefined ? column + 1 : columnOf(r);
    if (!(column >= 0 && column < MAX_COLUMNS)) {
      throw outside(`a cell ${(r ?? `in column ${column + 1}`).slice(0, 20)}`);
    }
    type = t;
    style = s;
    text = '';
    hasFormula = false;
    hasValue = false;
  }

  function endCell(): void {
    let format = style === undefined ? undefined : formats[Number(style)];
    let value: CellValue;
    const date = type === 'd' ? parseIsoDate(text) : undefined;
    if (date !== undefined) {
      value = date.serial;
      format ??= date.format;
    } else {
      value = readValue(format);
    }
    if (hasFormula) {
      page[value === null ? 'emptyFormulas' : 'formulas'] += 1;
    }
    if (value === null) {
      return;
    }
    if (format !== undefined) {
      row.formats ??= [];
      row.formats[row.values.length] = format;
    }
    row.columns.push(column);
    row.values.push(value);
  }

  function readValue(format: string | undefined): CellValue {
    if (!hasValue) {
      return null;
    }
    switch (type) {
      case 's':
        return checked(sharedStrings[Number(text)] ?? missing(text));
      case 'str':
      case 'inlineStr':
        return checked(decodeEscapes(text));
      case 'd':
        return checked(text);
      case 'b':
        return text.trim() === '1' || text.trim() === 'true';
      case 'e':
        return ERRORS.get(text.trim()) ?? UNKNOWN_ERROR;
      default: {
        if (text.trim() === '') {
          return null;
        }
        const number = Number(text);
        if (!Number.isFinite(number)) {
          throw refuse(`'${text.slice(0, 40)}' is no finite number`);
        }
        if (isOurs || format === undefined || !showsDate(format)) {
          return number === 0 ? 0 : number;
        }
        return atWholeSecond(is1904 ? number + DAYS_FROM_1900_TO_1904 : number);
      }
    }
  }

  function missing(index: string): never {
    throw refuse(`shared text ${index.slice(0, 20)} is asked for, and there are ${sharedStrings.length}`);
  }

  function checked(value: string): string {
    const problem = textProblem(value);
    if (problem !== undefined) {
      throw refuse(problem);
    }
    return value;
  }

  const handlers = {
    open(element: string, attributes: Readonly<Record<string, string>>) {
      switch (element) {
        case 'c':
          return beginCell(attributes);
        case 'v':
        case 't':
          isText = phonetic === 0;
          hasValue = true;
          return;
        case 'row':
          return beginRow(attributes.r);
        case 'f':
          hasFormula = true;
          return;
        case 'rPh':
          phonetic += 1;
          return;
        case 'mergeCell':
          page.mergedAreas += 1;
      }
    },
    text(piece: string) {
      if (isText) text += piece;
    },
    close(element: string) {
      switch (element) {
        case 'v':
        case 't':
          isText = false;
          return;
        case 'c':
          return endCell();
        case 'row':
          if (row.values.length > 0) {
            page.rows.push(row);
            cellsInPage += row.values.length;
          }
          return;
        case 'rPh':
          phonetic -= 1;
      }
    },
  };
  for await (const bytes of parsePart(zip, part, handlers)) {
    page.bytes = bytes;
    if (cellsInPage >= PAGE_CELLS) {
      yield page;
      page = { rows: [], bytes, formulas: 0, emptyFormulas: 0, mergedAreas: 0 };
      cellsInPage = 0;
    }
  }
  yield page;
}

/** 'B7' → 1; -1 for anything else. Runs for every cell. */
function columnOf(reference: string): number {
  let column = 0;
  for (let index = 0; index < reference.length; index += 1) {
    const letter = reference.charCodeAt(index);
    if (letter < 0x41 || letter > 0x5a || index > 5) {
      return index > 5 ? -1 : column - 1;
    }
    column = column * 26 + (letter - 0x40);
  }
  return -1;
}
