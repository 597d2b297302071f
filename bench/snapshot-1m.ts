/** A sheet of a million single-cell entries into a snapshot: how long, and how much memory a process takes for it. */
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure, quantile } from './support/figure.ts';
import { measureSnapshot } from './support/measure-snapshot.ts';
import { peakMegabytes } from './support/peak-megabytes.ts';

const CELLS = 1_000_000;
const MEMORY_ROUNDS = 3;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  const options = { name: 'snapshot-1m', cells: CELLS, rounds: 5, reference: '18.3 s and 624 MB' };
  const duration = await measureSnapshot(environment, options, database);

  const peak: Record<'snapshot' | 'read', number[]> = { snapshot: [], read: [] };
  for (let round = 0; round < MEMORY_ROUNDS; round += 1) {
    for (const task of ['snapshot', 'read'] as const) {
      peak[task].push(await peakMegabytes({ task, url: database.url, folder: await environment.folder(), cells: CELLS }));
    }
  }
  const measured = { value: quantile(peak.snapshot, 0.5), baseline: quantile(peak.read, 0.5) };
  const note = 'most memory (resident) of a process that takes this snapshot; baseline: of one that reads and parses the same rows';
  return [duration, limitFigure({ name: 'snapshot-1m-memory', unit: 'MB', note }, measured, 300)];
}
