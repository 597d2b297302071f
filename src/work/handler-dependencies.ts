import type { BlobStore } from '../blob-store/blob-store.ts';
import type { enqueueJob } from '../jobs/enqueue.ts';
import type { OnDead } from '../jobs/on-dead.ts';
import type { Pool } from '../postgres/pool.ts';
import type { JobDefaults } from '../settings/job-settings.ts';

/** What a worker gives to the handlers of its units. */
export interface HandlerDependencies {
  pool: Pool;
  /** For statements beside the transactions of attempts, which hold connections of `pool`. Default: `pool`. */
  statements?: Pool | undefined;
  /** Name of the schema, unquoted. */
  schema: string;
  blobs: BlobStore;
  /** Bytes of decoded manifests and tiles kept in memory. */
  cacheBytes?: number;
  /** Takes what a person should know although the work went on. */
  warn?: (message: string) => void;
  /** Takes the lines that handlers log. */
  log?: ((level: 'debug' | 'info' | 'warn' | 'error', text: string, fields: Record<string, unknown>) => void) | undefined;
  /** What jobs have that do not say it themselves. */
  jobDefaults?: JobDefaults;
  /** How handlers of jobs enqueue others, where that is not all. */
  enqueueJob?: typeof enqueueJob;
  /** Told whenever something of a job was committed that people see: must neither throw nor wait. */
  onJobChange?: ((workId: string) => void) | undefined;
  /** Who is told of units that became dead. */
  onDead?: OnDead | undefined;
}
