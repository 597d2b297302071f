/** What a snapshot writes after one more cell: what has changed, not the sheet. */
import { blobDirIn, DENSE_COLUMNS, denseLog, fillDenseSheet, snapshotDenseSheet } from './support/dense-sheet.ts';
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure } from './support/figure.ts';

const SIZES = [10_000, 100_000, 1_000_000];
/** Cells that were there, at the top, in the middle and at the end, and one below them all. */
const PLACES = [0, 0.5, 0.999, 1.01];
const KB = 1_000;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  const perSize: string[] = [];
  let most = 0;
  let full = 0;
  for (const cells of SIZES) {
    const logId = `dense-${cells}`;
    await fillDenseSheet(database, logId, cells);
    const blobs = await blobDirIn(await environment.folder(), logId);
    full = await snapshotDenseSheet(database.pool, blobs, logId, BigInt(cells));
    const log = denseLog(database.pool, logId);
    let mostHere = 0;
    for (const [index, place] of PLACES.entries()) {
      const row = Math.floor((place * cells) / DENSE_COLUMNS);
      const next = BigInt(cells + 1 + index);
      await log.addEntry({ type: 'SetCellValueAndFormat', row, column: 42, value: 0.123456789 }, next);
      // The snapshot stands on the entry that writes the next cell: it holds all before.
      mostHere = Math.max(mostHere, await snapshotDenseSheet(database.pool, blobs, logId, next));
    }
    perSize.push(`${cells.toLocaleString('en-US')} cells ${(mostHere / KB).toFixed(1)} KB`);
    most = Math.max(most, mostHere);
  }
  const note = `most of ${PLACES.length} places; ${perSize.join(', ')}; baseline: a whole snapshot of 1,000,000; in-memory reference: 216 KB, 2.25 MB, 23.5 MB`;
  return [limitFigure({ name: 'snapshot-after-one', unit: 'KB', note }, { value: most / KB, baseline: full / KB }, 50)];
}
