import { useEffect, useState } from 'react';
import type { JobState } from '../api-types.ts';
import { client } from '../client.ts';

/** The newest state of a job, as its stream says it; undefined before the first. Without a stream the page's poll goes on. @param life another one follows it anew */
export function useFollowedJob(jobId: string, life: number): JobState | undefined {
  const [state, setState] = useState<{ life: number; job: JobState }>();

  useEffect(() => {
    const controller = new AbortController();
    void (async () => {
      try {
        for await (const job of client.jobs.follow(jobId, { signal: controller.signal })) {
          if (!controller.signal.aborted) setState({ life, job });
        }
      } catch {
        // What is wrong with it, the page's own request says.
      }
    })();
    return () => controller.abort();
  }, [jobId, life]);

  return state?.life === life ? state.job : undefined;
}
