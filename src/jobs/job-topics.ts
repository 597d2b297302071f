/** What is published when a job ends, in the same transaction. Every application has these topics: give one to `defineWorker(jobTopics, …)`. */
import { z } from 'zod';
import { defineTopics } from '../messages/topic.ts';
import { decodeJobId } from './job-id.ts';

const jobEnd = z.object({
  name: z.string(),
  /** `<name>:<id>` is the job's. */
  id: z.string().transform(decodeJobId),
  actor: z.string().optional(),
  attempts: z.number(),
});

export const jobTopics = defineTopics({
  'job.completed': jobEnd.extend({ result: z.unknown().optional() }),
  'job.failed': jobEnd.extend({ error: z.object({ code: z.string(), message: z.string() }) }),
});
