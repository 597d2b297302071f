/** What is drawn of a cell. */
import type { Cell } from '../../../spreadsheet/cell.ts';
import { formatValue } from '../values/format-value.ts';

export type CellLook = 'text' | 'number' | 'boolean' | 'error' | 'empty' | 'loading' | 'failed';

export interface CellContent {
  readonly text: string;
  readonly look: CellLook;
}

const LOADING: CellContent = { text: '', look: 'loading' };
const FAILED: CellContent = { text: '', look: 'failed' };
const EMPTY: CellContent = { text: '', look: 'empty' };
/** Of a long text no more than this can be seen in a cell. */
const MAX_SHOWN = 300;

/** @param cell undefined: not loaded */
export function cellContent(cell: Cell | undefined, isFailed: boolean): CellContent {
  if (cell === undefined) {
    return isFailed ? FAILED : LOADING;
  }
  const text = formatValue(cell);
  switch (typeof cell.value) {
    case 'number':
      return { text, look: 'number' };
    case 'boolean':
      return { text, look: 'boolean' };
    case 'string':
      return { text: text.length > MAX_SHOWN ? text.slice(0, MAX_SHOWN) : text, look: 'text' };
    default:
      return cell.value === null ? EMPTY : { text, look: 'error' };
  }
}
