/**
 * Bare Temporal, as well as one can: the same worker options, the client on the worker's own connection, eager start, one local activity that
 * does the work. No work table, no fences, no search attributes.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { connectWorker } from '../../src/temporal/connection.ts';
import { workerOptions } from '../../src/temporal/worker-options.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { plainSnapshot } from './plain-snapshot.ts';

export interface BareActivities {
  snapshot(logId: string, sequenceId: string): Promise<void>;
}

export interface BareWorker {
  /** Starts a workflow; resolves when its activity has done the work. */
  run(logId: string, sequenceId: bigint): Promise<void>;
  stop(): Promise<void>;
}

export async function startBareWorker(environment: Environment, database: BenchDatabase, blobs: BlobStore): Promise<BareWorker> {
  const temporal = await environment.temporal();
  const { connection, client } = await connectWorker(temporal);
  const done = new Map<string, () => void>();
  const activities: BareActivities = {
    async snapshot(logId, sequenceId) {
      await plainSnapshot(database, blobs, logId, BigInt(sequenceId));
      done.get(logId)?.();
    },
  };
  const workflowBundle = { codePath: fileURLToPath(new URL('./bare-workflow-bundle.js', import.meta.url)) };
  const taskQueue = `bare-${randomBytes(4).toString('hex')}`;
  const worker = await Worker.create(workerOptions({ connection, namespace: temporal.namespace, taskQueue, activities, workflowBundle }));
  const ran = worker.run();
  return {
    async run(logId, sequenceId) {
      const finished = new Promise<void>((resolve) => done.set(logId, resolve));
      await client.workflow.start('bare', {
        workflowId: `${taskQueue}/${logId}`,
        taskQueue,
        args: [logId, sequenceId.toString()],
        requestEagerStart: true,
      });
      await finished;
      done.delete(logId);
    },
    async stop() {
      worker.shutdown();
      await ran;
      await connection.close();
    },
  };
}
