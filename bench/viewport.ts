/** Opening a sheet and reading a screenful of it, from disk, nothing cached: of a million cells, against ten thousand. */
import { openSheet } from '../src/spreadsheet/open-sheet.ts';
import { blobDirIn, DENSE_COLUMNS, denseLog, fillDenseSheet, snapshotDenseSheet } from './support/dense-sheet.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, quantile, timed } from './support/figure.ts';

const LARGE = 1_000_000;
const SMALL = 10_000;
const ROWS = 50;
const COLUMNS = 26;
const READS = 20;
const ROUNDS = 11;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  const large = await prepare(environment, database, LARGE);
  const small = await prepare(environment, database, SMALL);
  const measured = await alternate({ rounds: ROUNDS, value: large, baseline: small });
  const note = `open and read ${ROWS} × ${COLUMNS} cells of 1,000,000, p50; baseline: of 10,000; in-memory reference: 7.0 ms`;
  return [durationFigure({ name: 'viewport', unit: 'ms', note }, measured, 1.5)];
}

/** @returns p50 of some reads at places all over the sheet */
async function prepare(environment: Environment, database: BenchDatabase, cells: number): Promise<(round: number) => Promise<number>> {
  const logId = `dense-${cells}`;
  await fillDenseSheet(database, logId, cells);
  const folder = await environment.folder();
  await snapshotDenseSheet(database.pool, await blobDirIn(folder, logId), logId, BigInt(cells));
  const lastRow = cells / DENSE_COLUMNS - ROWS;
  return async (round) => {
    const durations: number[] = [];
    for (let read = 0; read < READS; read += 1) {
      const row = Math.floor((lastRow * read) / (READS - 1));
      const column = (round * 7 + read * 13) % (DENSE_COLUMNS - COLUMNS);
      durations.push(
        await timed(async () => {
          const sheet = await openSheet({ log: denseLog(database.pool, logId), blobs: await blobDirIn(folder, logId) });
          const cellsRead = await sheet.getRange({ row, column, rowCount: ROWS, columnCount: COLUMNS });
          if (cellsRead[ROWS - 1]?.[COLUMNS - 1]?.value === null) {
            throw new Error('The viewport is not filled.');
          }
        }),
      );
    }
    return quantile(durations, 0.5);
  };
}
