/** 2,000 snapshots with an execution each, against bare workflows that do the same work. */
import { startBareWorker } from './support/bare-worker.ts';
import type { Environment } from './support/environment.ts';
import { type Figure, rateFigure } from './support/figure.ts';
import { inLanes } from './support/lanes.ts';
import { measureThroughput } from './support/measure-throughput.ts';

const IN_FLIGHT = 40;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const measured = await measureThroughput(environment, {
    claim: { burstSize: 0, maxInFlight: IN_FLIGHT },
    async baseline(database, blobs) {
      const worker = await startBareWorker(environment, database, blobs);
      return {
        run: (logIds, sequenceId) => inLanes(logIds, IN_FLIGHT, (logId) => worker.run(logId, sequenceId)),
        stop: () => worker.stop(),
      };
    },
  });
  const note = `2,000 ready logs of 100 entries, bursts off; baseline: bare workflows, ${IN_FLIGHT} at once, eager start, one local activity`;
  return [rateFigure({ name: 'throughput-alone', unit: 'units/s', note }, measured, 0.8)];
}
