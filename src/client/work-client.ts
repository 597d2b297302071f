/** Work over HTTP: what is waiting, running and dead, and what a person decides about it. */
import type { DeadGroup, GroupStats, ThroughputBucket, UnitBody, UnitDetails, WorkSelection, WorkState } from './api-types.ts';
import type { RequestOptions, Transport } from './transport.ts';

type Signal = Pick<RequestOptions, 'signal'>;

export interface WorkClient {
  /** Newest first. `next` is there where there are more: give it as `after`. */
  list(
    options?: WorkSelection & { state?: WorkState; limit?: number; after?: string } & Signal,
  ): Promise<{ units: UnitBody[]; next?: string | undefined }>;
  get(workId: string, options?: Signal): Promise<UnitDetails>;
  /** By group; `sweep` counts what the sweep has found. */
  stats(options?: { group?: string } & Signal): Promise<{ groups: GroupStats[]; sweep: Record<string, number> }>;
  throughput(options?: { minutes?: number; group?: string } & Signal): Promise<{ bucketMs: number; buckets: ThroughputBucket[] }>;
  /** Dead units by their errors, largest group first. */
  errors(options?: { group?: string; workflow?: string; log?: string; limit?: number } & Signal): Promise<{ errors: DeadGroup[] }>;
  /** Runs dead units again. @returns how many */
  redrive(selection: WorkSelection & { ids?: readonly string[] }): Promise<{ units: number }>;
  /** Gives dead units up. @returns how many */
  discard(selection: WorkSelection & { ids?: readonly string[] }): Promise<{ units: number }>;
}

export function createWorkClient(transport: Transport): WorkClient {
  const get = <T>(path: string, { signal, ...query }: Signal = {}) =>
    transport.json<T>('GET', path, { query: query as RequestOptions['query'], signal });
  return {
    list: (options) => get('work', options),
    get: (workId, options) => get(`work/${encodeURIComponent(workId)}`, options),
    stats: (options) => get('work/stats', options),
    throughput: (options) => get('work/throughput', options),
    errors: (options) => get('work/errors', options),
    redrive: (selection) => transport.json('POST', 'work/redrive', { body: selection }),
    discard: (selection) => transport.json('POST', 'work/discard', { body: selection }),
  };
}
