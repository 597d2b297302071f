/**
 * A whole sheet from its entries in Postgres to a snapshot on disk, of a million cells and of ten million: how long, how much memory, how many bytes
 * a cell. Of 10,000 and 100,000: `snapshot-10k` and `snapshot-100k`.
 */
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure } from './support/figure.ts';
import { measureSnapshot } from './support/measure-snapshot.ts';
import { peakMegabytes } from './support/peak-megabytes.ts';
import { numberOf, prepareSheet } from './support/sized-sheet.ts';

const CELLS = 10_000_000;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  environment.say(`  filling ${CELLS.toLocaleString('en-US')} entries`);
  const large = { name: 'sheet-snapshot-full', cells: CELLS, rounds: 1, reference: '18.3 s at 1,000,000' };
  const full = await measureSnapshot(environment, large, database);
  const megabytes = await peakMegabytes({ task: 'snapshot', url: database.url, folder: await environment.folder(), cells: CELLS });
  const readMegabytes = await peakMegabytes({ task: 'read', url: database.url, folder: await environment.folder(), cells: CELLS });
  const memory = { value: megabytes, baseline: readMegabytes };

  const million = await environment.database();
  const small = await measureSnapshot(environment, { ...large, name: 'sheet-snapshot-full-1m', cells: 1_000_000, rounds: 5 }, million);

  const { bytes } = await prepareSheet(environment, million, CELLS);
  let plain = 0;
  for (let cell = 0; cell < CELLS; cell += 1) plain += String(numberOf(cell)).length + 1;
  const perCell = { value: bytes / CELLS, baseline: plain / CELLS };
  return [
    full,
    limitFigure({ name: small.name, unit: small.unit, note: small.note }, small, 3_700),
    limitFigure(
      {
        name: 'sheet-snapshot-full-memory',
        unit: 'MB',
        note: `most memory (resident) of a process that takes the one of 10,000,000; baseline: of one that reads and parses the same rows`,
      },
      memory,
      300,
    ),
    limitFigure(
      { name: 'sheet-bytes-per-cell', unit: 'bytes', note: 'on disk, 10,000,000 whole numbers from 0 to 999,999; baseline: as a CSV file' },
      perCell,
      5,
    ),
  ];
}
