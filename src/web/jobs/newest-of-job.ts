/**
 * One job as two tell of it: the page's own looks, with all that there is, and its stream, which comes at once. What was said after a look began may be newer
 * than the look; what was said before is not, whatever became of the stream since: it ends with the job, which somebody may redrive.
 */
import type { JobDetails, JobState } from '../api-types.ts';

export interface LookedAt {
  /** When the look began, in ms of one clock with `heardAt`. */
  askedAt: number;
  job: JobDetails;
}

export interface Heard {
  heardAt: number;
  job: JobState;
}

export function newestOfJob({ askedAt, job }: LookedAt, heard: Heard | undefined): JobDetails {
  if (heard === undefined || heard.heardAt < askedAt) return job;
  const { input, attempts, output } = job;
  return { ...heard.job, input, attempts, output };
}
