/**
 * A list of which the first page is kept fresh, and the others stand still: new jobs push others off the first page, and none of those may be missing
 * between the two.
 */
import type { Job } from '../api-types.ts';

/** Each once, as the first list that has it says; newest first. */
export function mergeJobs(...lists: readonly (readonly Job[])[]): Job[] {
  const byId = new Map<string, Job>();
  for (const job of lists.flat()) {
    if (!byId.has(job.id)) byId.set(job.id, job);
  }
  return [...byId.values()].sort((a, b) => Date.parse(b.enqueuedAt) - Date.parse(a.enqueuedAt));
}

/**
 * Of the jobs that are known, those behind the first page. What would be on it and is not, has gone or is not like that any more.
 * @param first the first page, as it is now
 */
export function behind(first: { jobs: readonly Job[]; next?: string | undefined }, known: readonly Job[]): Job[] {
  const last = first.jobs.at(-1);
  if (last === undefined || first.next === undefined) return [];
  const isOnIt = new Set(first.jobs.map(({ id }) => id));
  return known.filter(({ id, enqueuedAt }) => !isOnIt.has(id) && Date.parse(enqueuedAt) <= Date.parse(last.enqueuedAt));
}
