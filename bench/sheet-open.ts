/** Opening a sheet with a hundred entries after its snapshot, from disk, nothing cached. */
import { openSheet } from '../src/spreadsheet/open-sheet.ts';
import { blobDirIn, DENSE_COLUMNS } from './support/dense-sheet.ts';
import type { Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, quantile, timed } from './support/figure.ts';
import { cellEntry, prepareSheet, type SizedSheet } from './support/sized-sheet.ts';

const LARGE = 10_000_000;
const SMALL = 10_000;
const ENTRIES = 100;
const READS = 10;
const ROUNDS = 21;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: 4 });
  const large = await withTail(await prepareSheet(environment, database, LARGE));
  const small = await withTail(await prepareSheet(environment, database, SMALL));
  const measured = await alternate({ rounds: ROUNDS, value: () => open(large), baseline: () => open(small) });
  const note = `snapshot and ${ENTRIES} entries of 10,000,000 cells, p50; baseline: of 10,000; in-memory reference: 9.1, 74, 765 ms at 10,000, 100,000, 1,000,000`;
  return [durationFigure({ name: 'sheet-open', unit: 'ms', note }, measured, 1.5)];
}

async function withTail(sheet: SizedSheet): Promise<SizedSheet> {
  const { log, rows, cells } = sheet;
  const entries = Array.from({ length: ENTRIES }, (_, index) =>
    cellEntry(Math.floor((rows * index) / ENTRIES), index % DENSE_COLUMNS, index + 0.25),
  );
  await log.addEntries(entries, BigInt(cells) + 1n);
  return sheet;
}

async function open({ log, folder, logId, cells }: SizedSheet): Promise<number> {
  const durations: number[] = [];
  for (let read = 0; read < READS; read += 1) {
    durations.push(
      await timed(async () => {
        const { sequenceId } = await openSheet({ log, blobs: await blobDirIn(folder, logId) });
        if (sequenceId !== BigInt(cells + ENTRIES + 1)) {
          throw new Error(`The sheet opened at ${sequenceId}.`);
        }
      }),
    );
  }
  return quantile(durations, 0.5);
}
