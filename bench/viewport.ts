/** A screenful of a million cells, against one of ten thousand. */
import type { Environment } from './support/environment.ts';
import { durationFigure, type Figure } from './support/figure.ts';
import { measureViewport, VIEWPORT_COLUMNS, VIEWPORT_ROWS } from './support/measure-viewport.ts';

export default async function measure(environment: Environment): Promise<Figure[]> {
  const { measured } = await measureViewport(environment, 1_000_000, 10_000);
  const note = `open and read ${VIEWPORT_ROWS} × ${VIEWPORT_COLUMNS} cells of 1,000,000, p50; baseline: of 10,000; in-memory reference: 7.0 ms`;
  return [durationFigure({ name: 'viewport', unit: 'ms', note }, measured, 1.5)];
}
