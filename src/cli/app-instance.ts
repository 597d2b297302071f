/** An application as a process of ours runs it: all that it defines, on connections of the process. */
import type { BlobStore } from '../blob-store/blob-store.ts';
import type { Pool } from '../postgres/pool.ts';
import { loadJobSettings } from '../settings/job-settings.ts';
import { createTidemark, type Tidemark } from '../tidemark.ts';
import type { App } from './load-app.ts';

export interface AppInstanceOptions {
  pool: Pool;
  schema: string;
  /** Needed where it runs jobs, or reads what has a snapshot. */
  blobs: BlobStore | undefined;
  /** A direct connection, for LISTEN. */
  databaseUrl: string;
  cacheBytes?: number | undefined;
}

export function createAppInstance({ registry, useJobs }: App, options: AppInstanceOptions): Tidemark {
  const { pool, schema, blobs, databaseUrl, cacheBytes } = options;
  return createTidemark({
    db: pool,
    schema,
    ...(blobs ? { blobs } : {}),
    logTypes: [...registry.logTypes.values()],
    entryWork: [...registry.entryWork.values()],
    topics: registry.topics,
    workers: [...registry.workers.values()],
    jobs: [...registry.jobs.values()],
    useJobs: useJobs ?? loadJobSettings().useJobs,
    schedules: [...registry.schedules.values()],
    connectionString: databaseUrl,
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
  });
}
