import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { BurstActivities } from '../activities/types.ts';

const { runBurst } = proxyActivities<BurstActivities>({
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '4 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '10 minutes' },
});

/** Runs a burst of units in one execution: the units, and what became of each, are rows of `work` with this burst's id. */
export async function burst(burstId: string): Promise<{ finished: number; released: number }> {
  const counts = await runBurst(burstId);
  setCurrentDetails(`${counts.finished} finished here, ${counts.released} left to run alone`);
  return counts;
}
