/** Opening a sheet and reading a screenful of it at places all over it, from disk, nothing cached. */
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { delegateTo } from '../../src/blob-store/delegate.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { blobDirIn, DENSE_COLUMNS } from './dense-sheet.ts';
import type { Environment } from './environment.ts';
import { alternate, type Measured, quantile, timed } from './figure.ts';
import { prepareSheet, type SizedSheet } from './sized-sheet.ts';

export const VIEWPORT_ROWS = 50;
export const VIEWPORT_COLUMNS = 26;
const READS = 20;
const ROUNDS = 11;

/** Milliseconds, p50: of `cells` cells, against `baselineCells`; and the most tiles that one took. */
export async function measureViewport(
  environment: Environment,
  cells: number,
  baselineCells: number,
): Promise<{ measured: Measured; mostTiles: number }> {
  const database = await environment.database({ connections: 4 });
  const tiles = { most: 0 };
  const large = await prepareSheet(environment, database, cells);
  const small = await prepareSheet(environment, database, baselineCells);
  const measured = await alternate({
    rounds: ROUNDS,
    value: (round) => readViewports(large, round, tiles),
    baseline: (round) => readViewports(small, round, tiles),
  });
  return { measured, mostTiles: tiles.most };
}

async function readViewports({ log, logId, folder, rows }: SizedSheet, round: number, tiles: { most: number }): Promise<number> {
  const durations: number[] = [];
  for (let read = 0; read < READS; read += 1) {
    const row = Math.floor(((rows - VIEWPORT_ROWS) * read) / (READS - 1));
    const column = (round * 7 + read * 13) % (DENSE_COLUMNS - VIEWPORT_COLUMNS);
    const count = { tiles: 0 };
    durations.push(
      await timed(async () => {
        const blobs = countTiles(await blobDirIn(folder, logId), count);
        const sheet = await openSheet({ log, blobs });
        const cells = await sheet.getRange({ row, column, rowCount: VIEWPORT_ROWS, columnCount: VIEWPORT_COLUMNS });
        if (cells[VIEWPORT_ROWS - 1]?.[VIEWPORT_COLUMNS - 1]?.value === null) {
          throw new Error('The viewport is not filled.');
        }
      }),
    );
    tiles.most = Math.max(tiles.most, count.tiles);
  }
  return quantile(durations, 0.5);
}

function countTiles(blobs: BlobDir, count: { tiles: number }): BlobDir {
  return delegateTo(blobs, {
    readBlob(name) {
      count.tiles += name.startsWith('tile-') ? 1 : 0;
      return blobs.readBlob(name);
    },
  });
}
