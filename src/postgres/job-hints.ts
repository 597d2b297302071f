/**
 * Hints that a job is further, or has ended: 'job:<work id>' for whoever waits for it. Sent after commit, never awaited and never an error, as all hints are.
 * The first one at once; those that come within the next 20 ms together, so that a process that ends many jobs sends 50 statements a second at most.
 * Of more than 100 at a time the others' waiters find out by their poll.
 */
import { notifyChannel } from './listen.ts';
import type { Database } from './queryable.ts';

export interface JobHintSender {
  /** @param workId of the job's unit */
  changed(workId: string): void;
  /** Resolves when every hint so far has been sent, or was lost. */
  settled(): Promise<void>;
}

export const jobHint = (workId: string): string => `job:${workId}`;

const EVERY_MS = 20;
const MOST = 100;

export function createJobHintSender(db: Database, schema: string): JobHintSender {
  const collected = new Set<string>();
  let sending: Promise<void> | undefined;

  async function send(): Promise<void> {
    while (collected.size > 0) {
      const hints = [...collected].map(jobHint);
      collected.clear();
      const rest = new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      await db
        .query('select pg_notify($1::text, hint) from unnest($2::text[]) hint', [notifyChannel(schema), hints])
        .then(undefined, () => {});
      await rest;
    }
    // In the same turn as the look above: a hint that comes later starts anew.
    sending = undefined;
  }

  return {
    changed(workId) {
      if (collected.size < MOST) collected.add(workId);
      sending ??= send();
    },
    async settled() {
      await sending;
    },
  };
}
