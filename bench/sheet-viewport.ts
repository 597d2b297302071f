/** A screenful of ten million cells, against one of ten thousand; and how many tiles it takes. */
import type { Environment } from './support/environment.ts';
import { durationFigure, type Figure, limitFigure } from './support/figure.ts';
import { measureViewport, VIEWPORT_COLUMNS, VIEWPORT_ROWS } from './support/measure-viewport.ts';

const CELLS = VIEWPORT_ROWS * VIEWPORT_COLUMNS;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const { measured, mostTiles } = await measureViewport(environment, 10_000_000, 10_000);
  const note = `open and read ${VIEWPORT_ROWS} × ${VIEWPORT_COLUMNS} cells of 10,000,000, p50; baseline: of 10,000; in-memory reference: 7.0 ms at 1,000,000`;
  const tiles = `most that one of them read, wherever it lies; baseline: one for each cell`;
  return [
    durationFigure({ name: 'sheet-viewport', unit: 'ms', note }, measured, 1.5),
    limitFigure({ name: 'sheet-viewport-tiles', unit: 'tiles', note: tiles }, { value: mostTiles, baseline: CELLS }, 4),
  ];
}
