/** What one would write without Tidemark: a workflow with one local activity. */
import { proxyLocalActivities } from '@temporalio/workflow';
import type { BareActivities } from './bare-worker.ts';

const { snapshot } = proxyLocalActivities<BareActivities>({ startToCloseTimeout: '30 seconds' });

export async function bare(logId: string, sequenceId: string): Promise<void> {
  await snapshot(logId, sequenceId);
}
