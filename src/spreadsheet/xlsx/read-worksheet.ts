/**
 * The rows of a worksheet, as it is unpacked: values and number formats of the cells that have a value.
 *
 * Of a formula it takes the value that the file holds for it, and counts it. Of a merged area the file holds the value in the top left cell;
 * areas are counted. Days that are counted from 1904 come out as everywhere else.
 *
 * What cells share takes no memory here, and is copied for every one of them on its way to another thread. So a page ends at a number of cells and at
 * a number of characters, with the row that reaches it, and a row has a limit of both.
 */
import { InvalidInputError } from '../../errors.ts';
import { cellName, columnName } from '../a1.ts';
import { CELL_ERROR_VALUES, type CellError, type CellValue, MAX_COLUMNS, MAX_ROWS, textProblem } from '../cell.ts';
import { atWholeSecond, DAYS_FROM_1900_TO_1904, parseIsoDate, showsDate } from '../date-serial.ts';
import type { ImportRow } from '../rectangles.ts';
import { overLimit } from '../unpack-limits.ts';
import { decodeEscapes } from './escapes.ts';
import { MAX_ROW_CHARACTERS } from './limits.ts';
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
/** Of texts and number formats. */
const PAGE_CHARACTERS = 1024 * 1024;
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
  let page = createPage();
  let size = { cells: 0, characters: 0 };
  /** Full, in the order of their rows: the piece that is being parsed may hold many. */
  const full: Omit<WorksheetPage, 'bytes'>[] = [];
  let rowCharacters = 0;
  let textCharacters = 0;
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
    rowCharacters = 0;
    column = -1;
  }

  function beginCell({ r, t = 'n', s }: Readonly<Record<string, string>>): void {
    const before = column;
    column = r === undefined ? before + 1 : columnOf(r);
    if (!(column >= 0 && column < MAX_COLUMNS)) {
      throw outside(`a cell ${(r ?? `in column ${column + 1}`).slice(0, 20)}`);
    }
    if (column <= before) {
      throw refuse(`the order of its row is broken: column ${columnName(before)} stands before it. Save the file again in another program`);
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
    countCharacters(typeof value === 'string' ? value.length : 0, format?.length ?? 0);
  }

  function countCharacters(ofText: number, ofFormat: number): void {
    rowCharacters += ofText + ofFormat;
    if (rowCharacters > MAX_ROW_CHARACTERS) {
      throw refuse(`the texts and number formats of the row come to more than the limit of ${MAX_ROW_CHARACTERS} characters`);
    }
    textCharacters += ofText;
    const { unpackedBytes } = zip.limits;
    if (textCharacters > unpackedBytes) {
      const reason = `the cells of its worksheet '${worksheet}' hold more text than the limit of ${unpackedBytes} characters`;
      throw overLimit(zip.name, reason, 'unpackedBytes');
    }
  }

  function endRow(): void {
    if (row.values.length === 0) {
      return;
    }
    size = { cells: size.cells + row.values.length, characters: size.characters + rowCharacters };
    page.rows.push(row);
    // Nothing more goes into it, whatever stands between two rows.
    row = { row: row.row, columns: [], values: [], formats: undefined };
    if (size.cells >= PAGE_CELLS || size.characters >= PAGE_CHARACTERS) {
      full.push(page);
      page = createPage();
      size = { cells: 0, characters: 0 };
    }
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
          return endRow();
        case 'rPh':
          phonetic -= 1;
      }
    },
  };
  let bytes = 0;
  for await (bytes of parsePart(zip, part, handlers)) {
    yield* full.splice(0).map((one) => ({ ...one, bytes }));
  }
  yield* [...full, page].map((one) => ({ ...one, bytes }));
}

function createPage(): Omit<WorksheetPage, 'bytes'> {
  return { rows: [], formulas: 0, emptyFormulas: 0, mergedAreas: 0 };
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
