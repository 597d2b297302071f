/** Our workflows with their commands in another order: what replay.test.ts has to find out. */
import { proxyActivities, proxyLocalActivities, sleep } from '@temporalio/workflow';
import type { BurstActivities, CarryOutActivities, ScheduleAction, ScheduleActivities } from '../../../src/activities/types.ts';

const local = proxyLocalActivities<CarryOutActivities>({ startToCloseTimeout: '30 seconds' });
const heartbeating = proxyActivities<CarryOutActivities>({ startToCloseTimeout: '1 day', heartbeatTimeout: '4 seconds' });
const { runBurst } = proxyActivities<BurstActivities>({ startToCloseTimeout: '1 day', heartbeatTimeout: '4 seconds' });
const { fireSchedule } = proxyActivities<ScheduleActivities>({ startToCloseTimeout: '10 seconds' });

/** The heartbeating activity first, the local one after it. */
export default async function entryWork(workId: string, epoch: number): Promise<unknown> {
  await heartbeating.runLongUnit(workId, epoch);
  return (await local.runUnit(workId, epoch)).type;
}

export const snapshot = entryWork;

/** A timer before the activity. */
export async function burst(burstId: string): Promise<unknown> {
  await sleep(10);
  return runBurst(burstId);
}

export async function scheduled(action: ScheduleAction): Promise<unknown> {
  await sleep(10);
  return fireSchedule(action, 'now');
}
