/** One more cell and its snapshot, as a worker takes it: from the beginning of the unit to the commit of its end, at 10,000 cells and at 10 million. */
import { createDirectoryBlobStore } from '../src/blob-store/directory-blob-store.ts';
import { createSnapshotCache } from '../src/snapshots/cache.ts';
import { countWrites } from '../src/snapshots/counting-dir.ts';
import { snapshotHandler } from '../src/snapshots/snapshot-work.ts';
import { sheet } from '../src/spreadsheet/sheet.ts';
import { beginWork } from '../src/work/begin.ts';
import { claimWork } from '../src/work/claim.ts';
import { DEFAULT_CLAIM_OPTIONS } from '../src/work/loop.ts';
import { runUnit } from '../src/work/run-unit.ts';
import { DENSE_COLUMNS } from './support/dense-sheet.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, limitFigure, timed } from './support/figure.ts';
import { cellEntry, prepareSheet, SIZES, type SizedSheet } from './support/sized-sheet.ts';

const ROUNDS = 101;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: 4 });
  await database.owner.query(`insert into tidemark.workflow_name (name) values ('snapshot') on conflict do nothing`);
  const measures = [];
  for (const cells of SIZES) {
    measures.push(oneMore(database, await prepareSheet(environment, database, cells)));
  }
  const [small, , , large] = measures as [Measure, Measure, Measure, Measure];
  const measured = await alternate({ rounds: ROUNDS, value: large.run, baseline: small.run });
  for (const other of measures.slice(1, 3)) {
    for (let round = 0; round < ROUNDS / 10; round += 1) await other.run(round);
  }
  const most = Math.max(...measures.map(({ mostBytes }) => mostBytes()));
  const note = 'p50 of a unit from its beginning to the commit of its end, random places of 10,000,000 cells; baseline: of 10,000';
  const bytes = `most that one wrote, at any size; baseline: a whole snapshot of 10,000,000; in-memory reference: 23.5 MB at 1,000,000`;
  return [
    limitFigure({ name: 'sheet-snapshot-after-one', unit: 'ms', note }, measured, 20),
    durationFigure({ name: 'sheet-snapshot-after-one-growth', unit: 'ms', note }, measured, 1.5),
    limitFigure(
      { name: 'sheet-snapshot-after-one-bytes', unit: 'KB', note: bytes },
      { value: most / 1_000, baseline: large.wholeBytes / 1_000 },
      50,
    ),
  ];
}

interface Measure {
  run(round: number): Promise<number>;
  mostBytes(): number;
  wholeBytes: number;
}

function oneMore({ pool, db }: BenchDatabase, { rows, log, folder, cells, bytes }: SizedSheet): Measure {
  const written = { blobs: 0, bytes: 0 };
  const store = createDirectoryBlobStore({ path: folder });
  const blobs = { getRootDir: async () => countWrites(await store.getRootDir(), written) };
  const handler = snapshotHandler(new Map([['sheet', sheet]]), { pool, schema: 'tidemark', blobs, cache: createSnapshotCache() });
  let next = BigInt(cells) + 1n;
  let most = 0;
  return {
    wholeBytes: bytes,
    mostBytes: () => most,
    async run(round) {
      const row = Math.floor(rows * ((round * 0.618_034) % 1));
      // The snapshot stands on the entry that asks for it and holds what came before: the one cell of the round before.
      await log.addEntry({ ...cellEntry(row, round % DENSE_COLUMNS, round + 0.25), pending: 'snapshot' }, next);
      next += 1n;
      written.bytes = 0;
      const claim = await claimWork(db, { ...DEFAULT_CLAIM_OPTIONS, burstSize: 0 });
      const [claimed] = claim.executions;
      if (claimed?.unit === undefined) {
        throw new Error('There is no unit to begin.');
      }
      const { id, epoch } = claimed.unit;
      const duration = await timed(async () => {
        const unit = await beginWork(db, id, epoch);
        if (unit === undefined || unit === 'later') {
          throw new Error(`${id} does not begin.`);
        }
        const outcome = await runUnit(unit, handler, { pool, schema: 'tidemark', signal: AbortSignal.timeout(60_000), deadlineMs: 60_000 });
        if (outcome.type !== 'finished') {
          throw new Error(`${id} ended as ${outcome.type}.`);
        }
      });
      most = Math.max(most, written.bytes);
      return duration;
    },
  };
}
