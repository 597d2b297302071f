/** A row of cells as XML of a worksheet. Texts stand in their cells: a table of them would have to be in memory until the end. */
import { InvalidInputError } from '../../errors.ts';
import { columnName } from '../a1.ts';
import type { Cell } from '../cell.ts';
import { encodeText } from './escapes.ts';

export interface RowWriter {
  /** '' for a row without cells. */
  write(row: number, cells: readonly Cell[]): string;
  /** Number formats that were in use so far, in the order of their index from 1 on. */
  formats(): Iterable<string>;
}

/** Programs take about 65,000 cell styles. */
const MAX_FORMATS = 60_000;

export function createRowWriter(): RowWriter {
  const styles = new Map<string, number>();
  const names: string[] = [];

  function styleOf(format: string | undefined): string {
    if (format === undefined) {
      return '';
    }
    let style = styles.get(format);
    if (style === undefined) {
      if (styles.size === MAX_FORMATS) {
        throw new InvalidInputError(
          `The sheet has over ${MAX_FORMATS} number formats, the limit of an XLSX file. Export a range of it, or CSV.`,
        );
      }
      style = styles.size + 1;
      styles.set(format, style);
    }
    return ` s="${style}"`;
  }

  return {
    formats: () => styles.keys(),
    write(row, cells) {
      let xml = '';
      for (let column = 0; column < cells.length; column += 1) {
        const { value, format } = cells[column] as Cell;
        if (value === null) {
          continue;
        }
        names[column] ??= columnName(column);
        const start = `<c r="${names[column]}${row + 1}"${styleOf(format)}`;
        switch (typeof value) {
          case 'number':
            xml += `${start}><v>${value}</v></c>`;
            break;
          case 'string':
            xml += `${start} t="inlineStr"><is><t xml:space="preserve">${encodeText(value)}</t></is></c>`;
            break;
          case 'boolean':
            xml += `${start} t="b"><v>${value ? 1 : 0}</v></c>`;
            break;
          default:
            xml += `${start} t="e"><v>${value.value}</v></c>`;
        }
      }
      return xml === '' ? '' : `<row r="${row + 1}">${xml}</row>`;
    },
  };
}
