/** Cells that stand anywhere as few blocks: what fills a rectangle but for some cells is some blocks, not one for each cell. */
import type { Cell } from '../../../spreadsheet/cell.ts';
import type { CellChange } from './undo-stack.ts';

export interface Block {
  row: number;
  column: number;
  /** Rows of one length. */
  cells: Cell[][];
}

/** @param changes each cell once, in any order @returns what each is made, top to bottom */
export function changedBlocks(changes: readonly CellChange[]): Block[] {
  const sorted = [...changes].sort((one, other) => one.row - other.row || one.column - other.column);
  const blocks: Block[] = [];
  /** Of the row above, by where they begin: the run below one may be its next row. */
  let above = new Map<number, Block>();
  let current = new Map<number, Block>();
  let currentRow = -1;
  for (let from = 0; from < sorted.length; ) {
    const { row, column } = sorted[from] as CellChange;
    let to = from + 1;
    while (to < sorted.length && sorted[to]?.row === row && sorted[to]?.column === column + to - from) {
      to += 1;
    }
    if (row !== currentRow) {
      above = row === currentRow + 1 ? current : new Map();
      current = new Map();
      currentRow = row;
    }
    const line = sorted.slice(from, to).map(({ after }) => after);
    const before = above.get(column);
    const block = before?.cells[0]?.length === line.length ? before : { row, column, cells: [] };
    if (block !== before) {
      blocks.push(block);
    }
    block.cells.push(line);
    current.set(column, block);
    from = to;
  }
  return blocks;
}
