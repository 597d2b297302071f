/** What one would write without Tidemark: a workflow with one local activity. */
import { proxyLocalActivities } from '@temporalio/workflow';
import type { WaitingActivities } from './bare-takeover-worker.ts';
import type { BareActivities } from './bare-worker.ts';

const { snapshot } = proxyLocalActivities<BareActivities>({ startToCloseTimeout: '30 seconds' });
const { wait } = proxyLocalActivities<WaitingActivities>({ startToCloseTimeout: '1 hour' });

export async function bare(logId: string, sequenceId: string): Promise<void> {
  await snapshot(logId, sequenceId);
}

/** For the takeover: runs until it is let go. */
export async function bareWait(unit: string): Promise<void> {
  await wait(unit);
}
