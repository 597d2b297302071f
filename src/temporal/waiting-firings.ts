import type { Client } from '@temporalio/client';
import type { Database } from '../postgres/queryable.ts';
import { installationId } from '../work/register.ts';
import { taskQueueOf } from './task-queue.ts';

/**
 * Firings of schedules that wait for a worker: their time has come and no worker has added their jobs yet, so the database knows nothing of them. By
 * visibility, which is behind by a second or two: for whoever looks now and then.
 */
export async function waitingFirings(client: Client, db: Database): Promise<number> {
  const taskQueue = taskQueueOf(await installationId(db));
  const query = `WorkflowType = 'scheduled' AND TaskQueue = '${taskQueue}' AND ExecutionStatus = 'Running'`;
  const { count } = await client.connection.withDeadline(Date.now() + 5_000, () => client.workflow.count(query));
  return count;
}
