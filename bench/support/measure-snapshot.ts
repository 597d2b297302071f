/** A whole sheet from Postgres into a snapshot on disk, against merely reading and parsing the same rows. */

import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { blobDirIn, denseLog, fillDenseSheet, readDenseSheet } from './dense-sheet.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { alternate, durationFigure, type Figure, timed } from './figure.ts';

export const SHEET = 'dense';

export interface SnapshotOptions {
  name: string;
  cells: number;
  rounds: number;
  /** What the public in-memory reference of the same interfaces takes for it, nothing durable. */
  reference: string;
}

/** The folder of a round's blobs: every snapshot writes all of its blobs. */
export async function measureSnapshot(environment: Environment, options: SnapshotOptions, database: BenchDatabase): Promise<Figure> {
  const { name, cells, rounds, reference } = options;
  await fillDenseSheet(database, SHEET, cells);
  const { pool } = database;
  const measured = await alternate({
    rounds,
    async value() {
      const blobs = await blobDirIn(await environment.folder(), SHEET);
      const log = denseLog(pool, SHEET);
      return timed(() => takeSnapshot({ log, blobs, logType: sheet, sequenceId: BigInt(cells) }));
    },
    baseline: () => timed(() => readDenseSheet(pool, SHEET, cells)),
  });
  const note = `${cells.toLocaleString('en-US')} entries, Postgres to disk; baseline: reading and parsing the same rows; in-memory reference: ${reference}`;
  return durationFigure({ name, unit: 'ms', note }, measured, 2, 50);
}
