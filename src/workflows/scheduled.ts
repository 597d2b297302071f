import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ScheduleAction, ScheduleActivities } from '../activities/types.ts';

const { fireSchedule } = proxyActivities<ScheduleActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** Of the id that Temporal gives such a run: the second that it was due. */
const DUE_LENGTH = '2026-11-22T09:00:00Z'.length;

/** What a Temporal Schedule starts: it adds a job to `work`, where the starter loop finds it as any other. */
export async function scheduled(action: ScheduleAction): Promise<string> {
  // Of one time, however often it is tried, there is one id, and so one job.
  return fireSchedule(action, workflowInfo().workflowId.slice(-DUE_LENGTH));
}
