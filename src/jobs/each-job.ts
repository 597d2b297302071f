/** Many jobs, one transaction each: what is cut off has done a part, and may be repeated. */
import type { Database } from '../postgres/queryable.ts';
import type { ShownState } from '../work/select.ts';
import { type JobSelection, listJobs } from './list-jobs.ts';

const PAGE = 500;
const SIDE_BY_SIDE = 4;

/**
 * @param states of those that it is about: what the selection says of the state is one of them, or there are none
 * @param decide whether it was done: its turn may come when it is not like that any more. @returns how many it was done with
 */
export async function eachJob(
  db: Database,
  selection: JobSelection,
  states: readonly ShownState[],
  decide: (jobId: string) => Promise<boolean>,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0;
  // Listed together: one that moves from one of them to another meanwhile is in the list all the same.
  for (let before: string | undefined; ; ) {
    const { jobs, next } = await listJobs(db, { ...selection, states, limit: PAGE, ...(before === undefined ? {} : { before }) });
    const queue = jobs.values();
    const lane = async () => {
      for (const { id } of queue) {
        if (signal?.aborted) return;
        if (await decide(id)) count += 1;
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
    if (next === undefined || signal?.aborted) return count;
    before = next;
  }
}
