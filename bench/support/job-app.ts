/** Jobs on a running worker, for figures of jobs; what a handler does is the figure's. */
import { z } from 'zod';
import { missingBlobStore } from '../../src/blob-store/missing-blob-store.ts';
import { defineJob } from '../../src/jobs/define-job.ts';
import { startWorker } from '../../src/temporal/start-worker.ts';
import { createTidemark } from '../../src/tidemark.ts';
import type { BenchDatabase, Environment } from './environment.ts';

export interface JobAppOptions {
  handler: (id: number) => unknown;
  concurrency?: number;
}

export interface JobApp {
  /** In a transaction of its own. */
  enqueue(id: number): Promise<unknown>;
  /** So many in one transaction. */
  enqueueMany(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startJobApp(environment: Environment, database: BenchDatabase, options: JobAppOptions): Promise<JobApp> {
  const { handler, concurrency } = options;
  const job = defineJob({
    name: 'work',
    input: z.object({ id: z.number() }),
    handler: ({ id }) => handler(id),
    keep: { completed: 1_000_000 },
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  const tidemark = createTidemark({ db: database.pool, jobs: [job], useJobs: true });
  const running = await startWorker({
    registry: tidemark.registry,
    pool: database.pool,
    statements: database.statements,
    schema: 'tidemark',
    blobs: missingBlobStore,
    temporal: await environment.temporal(),
    starter: { connectionString: database.url, log: (_, message) => environment.say(message) },
  });
  return {
    enqueue: (id) => tidemark.transaction(({ enqueue }) => enqueue(job, { id })),
    async enqueueMany(count) {
      await database.pool.query(
        `select count(tidemark.enqueue_job('work', gen_random_uuid()::text, json_build_object('id', n))) from generate_series(1, $1::integer) n`,
        [count],
      );
      running.wake();
    },
    async stop() {
      await running.stop();
      await tidemark.close();
    },
  };
}
