/** Jobs run by workers, through Temporal: they are written, and after the commit a starter is told that they are there. */
import type { HintSender } from '../postgres/hints.ts';
import { enqueueJob } from './enqueue.ts';
import type { JobEnqueuer } from './job-enqueuer.ts';

export function createTemporalEnqueuer(hints: HintSender): JobEnqueuer {
  return {
    within(db) {
      let asked = false;
      return {
        async enqueue(job, input, options) {
          const enqueued = await enqueueJob(db, job, input, options);
          asked ||= enqueued.answer !== 'ignored';
          return enqueued;
        },
        async committed() {
          if (asked) {
            asked = false;
            hints.work();
          }
        },
      };
    },
    async wake() {
      hints.work();
      await hints.settled();
    },
    close: () => hints.settled(),
  };
}
