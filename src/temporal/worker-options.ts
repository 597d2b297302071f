/**
 * How a Tidemark worker is tuned, and why.
 *
 * - Slots: a local activity is a few statements, so there may be as many as units run alone; every slot may want a connection at
 *   once, so the pool is as large. Raise both together.
 * - Sticky timeout 1 s (default 10 s): after a worker's death a workflow that goes on elsewhere waits this long per task.
 * - nonStickyToStickyPollRatio: nearly every unit is one workflow task from the normal queue.
 * - Grace: short units end; a longer one is cancelled, and goes on elsewhere from its progress.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';

/** Connections that the pool of a worker should allow. */
export const WORKER_POOL_CONNECTIONS = 40;
/** As many long units as may run alone, and bursts beside them: one that waits for a slot holds its place all the while. */
const ACTIVITY_SLOTS = WORKER_POOL_CONNECTIONS + 20;

export type WorkflowBundle = { codePath: string } | { code: string };

export function workerOptions(options: {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  activities: object;
  workflowBundle?: WorkflowBundle;
}): WorkerOptions {
  const { connection, namespace, taskQueue, activities, workflowBundle = builtBundle() } = options;
  return {
    connection,
    namespace,
    taskQueue,
    activities,
    ...(workflowBundle
      ? { workflowBundle }
      : { workflowsPath: fileURLToPath(new URL(`../workflows/index${extension()}`, import.meta.url)) }),
    maxConcurrentLocalActivityExecutions: WORKER_POOL_CONNECTIONS,
    maxConcurrentActivityTaskExecutions: ACTIVITY_SLOTS,
    maxConcurrentWorkflowTaskExecutions: WORKER_POOL_CONNECTIONS * 2,
    maxCachedWorkflows: 500,
    workflowTaskPollerBehavior: { type: 'autoscaling', initial: 5, minimum: 2, maximum: 20 },
    activityTaskPollerBehavior: { type: 'autoscaling', initial: 3, minimum: 1, maximum: 10 },
    stickyQueueScheduleToStartTimeout: '1 second',
    maxHeartbeatThrottleInterval: '1 second',
    defaultHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '5 seconds',
    shutdownForceTime: '15 seconds',
  };
}

/** Made by the build, so that no worker bundles at start. */
function builtBundle(): WorkflowBundle | undefined {
  const codePath = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  return existsSync(codePath) ? { codePath } : undefined;
}

function extension(): string {
  return import.meta.url.endsWith('.ts') ? '.ts' : '.js';
}
