/** Cells of a live sheet that need not be in view. While they are loaded the view stays where it is, and is loaded again after that. */
import { InvalidInputError } from '../../../errors.ts';
import type { LiveSheet } from '../../../live-sheet/types.ts';
import { rangeName } from '../../../spreadsheet/a1.ts';
import type { Cell, CellRange } from '../../../spreadsheet/cell.ts';

export interface CellLoader {
  /** One call at a time. @throws InvalidInputError where they cannot be had */
  load(range: CellRange): Promise<Cell[][]>;
  /** What is seen. */
  setViewport(range: CellRange): void;
}

const MAX_BLOCK_CELLS = 100_000;

export function createCellLoader(live: LiveSheet): CellLoader {
  let viewport: CellRange | undefined;
  let isLoading = false;

  function show(): void {
    if (viewport) {
      void live.setViewport(viewport).catch(() => {});
    }
  }

  return {
    async load(range) {
      checkSize(range);
      const isMissing = () => live.view.getRange(range).some((line) => line.includes(undefined));
      if (isMissing()) {
        isLoading = true;
        try {
          await live.setViewport(range);
        } finally {
          isLoading = false;
        }
      }
      // Before the view goes back: what is not in it may be dropped.
      const cells = live.view.getRange(range);
      show();
      if (cells.some((line) => line.includes(undefined))) {
        throw new InvalidInputError(`Some cells of ${rangeName(range)} could not be loaded: nothing was changed. Try again.`);
      }
      return cells as Cell[][];
    },
    setViewport(range) {
      viewport = range;
      // A load would end with what it has got by now.
      if (!isLoading) {
        show();
      }
    },
  };
}

/** @throws InvalidInputError */
export function checkSize(range: CellRange): void {
  const cells = range.rowCount * range.columnCount;
  if (cells > MAX_BLOCK_CELLS) {
    throw new InvalidInputError(
      `${rangeName(range)} has ${cells.toLocaleString('en')} cells, over the limit of ${MAX_BLOCK_CELLS.toLocaleString('en')} at a time. Select fewer.`,
    );
  }
}
