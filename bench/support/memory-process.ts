/** A process of its own for one task; tells its parent the most memory it has taken, in MB. */
import { createPool } from '../../src/postgres/pool.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { blobDirIn, denseLog, readDenseSheet } from './dense-sheet.ts';
import { editSheet } from './edit-sheet.ts';
import { SHEET } from './measure-snapshot.ts';
import { ownPeakMegabytes } from './own-peak-megabytes.ts';

export interface MemoryTask {
  task: 'snapshot' | 'read' | 'edit';
  url: string;
  folder: string;
  cells: number;
}

const { task, url, folder, cells } = JSON.parse(process.argv[2] ?? '') as MemoryTask;
const pool = createPool({ connectionString: url });
switch (task) {
  case 'snapshot':
    await takeSnapshot({ log: denseLog(pool, SHEET), blobs: await blobDirIn(folder, SHEET), logType: sheet, sequenceId: BigInt(cells) });
    break;
  case 'read':
    await readDenseSheet(pool, SHEET, cells);
    break;
  case 'edit':
    await editSheet(pool, folder, cells);
    break;
}
await pool.end();
process.send?.(ownPeakMegabytes());
process.disconnect?.();
