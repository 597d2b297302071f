import { useEffect, useState } from 'react';
import { client } from '../client.ts';
import type { Heard } from './newest-of-job.ts';

/** The newest state of a job, as its stream says it; undefined before the first. Without a stream the page's poll goes on. @param life another one follows it anew */
export function useFollowedJob(jobId: string, life: string): Heard | undefined {
  const [state, setState] = useState<{ jobId: string; heard: Heard }>();

  // biome-ignore lint/correctness/useExhaustiveDependencies: a stream ends with the job, and is begun again with its next life
  useEffect(() => {
    const controller = new AbortController();
    void (async () => {
      try {
        for await (const job of client.jobs.follow(jobId, { signal: controller.signal })) {
          if (!controller.signal.aborted) setState({ jobId, heard: { heardAt: performance.now(), job } });
        }
      } catch {
        // What is wrong with it, the page's own request says.
      }
    })();
    return () => controller.abort();
  }, [jobId, life]);

  return state?.jobId === jobId ? state.heard : undefined;
}
