/** Where jobs run in whoever enqueues them, one has ended by now, well or not. One that is not kept any more is told of as one that waits. */
import { JobNotFoundError } from '../errors.ts';
import type { JobHandle } from '../jobs/job-handle.ts';

export async function isDoneHere({ useJobs }: { readonly useJobs: boolean }, job: JobHandle): Promise<boolean> {
  if (useJobs) {
    return false;
  }
  try {
    return (await job.status()).state === 'done';
  } catch (error) {
    if (error instanceof JobNotFoundError) return false;
    throw error;
  }
}
