import type { Client } from '@temporalio/client';
import { taskQueueOf } from './task-queue.ts';

/** How many firings of schedules wait for a worker that adds their unit: nothing in Postgres says so yet. */
export async function waitingSchedules(client: Client, installation: string): Promise<number> {
  const { count } = await client.connection.withDeadline(Date.now() + 5_000, () =>
    client.workflow.count(`TaskQueue = '${taskQueueOf(installation)}' and WorkflowType = 'scheduled' and ExecutionStatus = 'Running'`),
  );
  return count;
}
