/** 2,000 snapshots in bursts, against a plain loop without Temporal, 8 side by side. */
import type { Environment } from './support/environment.ts';
import { type Figure, rateFigure } from './support/figure.ts';
import { inLanes } from './support/lanes.ts';
import { measureThroughput } from './support/measure-throughput.ts';
import { plainSnapshot } from './support/plain-snapshot.ts';

const SIDE_BY_SIDE = 8;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const measured = await measureThroughput(environment, {
    claim: {},
    baseline: async (database, blobs) => ({
      run: (logIds, sequenceId) => inLanes(logIds, SIDE_BY_SIDE, (logId) => plainSnapshot(database, blobs, logId, sequenceId)),
      stop: async () => {},
    }),
  });
  const note = `2,000 ready logs of 100 entries; baseline: a plain loop, ${SIDE_BY_SIDE} at once, the same fsyncs, a compare-and-set`;
  return [rateFigure({ name: 'throughput-burst', unit: 'units/s', note }, measured, 0.5)];
}
