import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ScheduleActivities } from '../activities/types.ts';

const { addScheduledJob } = proxyActivities<ScheduleActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** What a Temporal Schedule starts: it adds the unit of a job to `work`, where the starter loop finds it as any other. */
export async function scheduled(name: string, input: unknown): Promise<string> {
  // Temporal ends the id of such a run with the time that it was due: of one time, however often it is tried, there is one unit.
  const { workflowId } = workflowInfo();
  return addScheduledJob(name, workflowId.slice(workflowId.lastIndexOf(`${name}-`) + name.length + 1), input);
}
