import type { Client } from '@temporalio/client';

/** The process that runs an execution's present task, as `pid@host`; undefined while none does. */
export async function runnerIdentity(client: Client, execution: string): Promise<string | undefined> {
  const handle = client.workflow.getHandle(execution);
  const { raw } = await handle.describe();
  const heartbeating = raw.pendingActivities?.find(({ lastWorkerIdentity }) => lastWorkerIdentity);
  if (heartbeating) {
    return heartbeating.lastWorkerIdentity ?? undefined;
  }
  // A local activity runs within the workflow task of whoever took that.
  const { events } = await handle.fetchHistory();
  const started = events?.findLast(({ workflowTaskStartedEventAttributes }) => workflowTaskStartedEventAttributes);
  return started?.workflowTaskStartedEventAttributes?.identity ?? undefined;
}
