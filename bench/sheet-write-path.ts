/** A hundred thousand edits with a snapshot every hundred: how long, how many bytes, how much memory. */

import { createLog } from '../src/event-log/create-log.ts';
import { DENSE_COLUMNS, denseLog } from './support/dense-sheet.ts';
import { editSheet } from './support/edit-sheet.ts';
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure, reportedFigure, timed } from './support/figure.ts';
import { peakMegabytes } from './support/peak-megabytes.ts';
import { cellEntry, numberOf } from './support/sized-sheet.ts';

const EDITS = 100_000;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const { pool, db, owner } = await environment.database({ connections: 8 });
  await owner.query(`insert into tidemark.workflow_name (name) values ('snapshot') on conflict do nothing`);
  let bytes = 0;
  const seconds =
    (await timed(async () => {
      bytes = (await editSheet(pool, await environment.folder(), EDITS)).bytesWritten;
    })) / 1_000;

  await createLog(db, { id: 'plain', type: 'sheet' });
  const plain = denseLog(pool, 'plain');
  const plainSeconds =
    (await timed(async () => {
      for (let edit = 0; edit < EDITS; edit += 1) {
        await plain.addEntry(cellEntry(Math.floor(edit / DENSE_COLUMNS), edit % DENSE_COLUMNS, numberOf(edit)), BigInt(edit));
      }
    })) / 1_000;

  const other = await environment.database({ connections: 8 });
  await other.owner.query(`insert into tidemark.workflow_name (name) values ('snapshot') on conflict do nothing`);
  const megabytes = await peakMegabytes({ task: 'edit', url: other.url, folder: await environment.folder(), cells: EDITS });
  const note = `${EDITS.toLocaleString('en-US')} edits one after the other, a snapshot every 100`;
  return [
    reportedFigure(
      { name: 'sheet-write-path', unit: 's', note: `${note}; baseline: the same edits without a snapshot; in-memory reference: 145 s` },
      { value: seconds, baseline: plainSeconds },
    ),
    limitFigure(
      { name: 'sheet-write-path-bytes', unit: 'MB', note: `written by all snapshots; baseline: the in-memory reference's` },
      { value: bytes / 1_000_000, baseline: 1_130 },
      60,
    ),
    limitFigure(
      {
        name: 'sheet-write-path-memory',
        unit: 'MB',
        note: `most memory (resident) of a process that does it all; baseline: the in-memory reference's`,
      },
      { value: megabytes, baseline: 1_300 },
      300,
    ),
  ];
}
