/**
 * Jobs that somebody looks at on this server: one look for all whose time it is, however many look. A hint says which job has changed; once a second all of
 * them are asked whether they have, in one round trip. Those that wait also get their place in the line, some at a time.
 */
import { jobIdOf, jobKeyOf, parseJobId, workIdOf } from '../jobs/job-id.ts';
import { type JobState, readJobStates } from '../jobs/read-job.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';

export interface JobHub {
  /**
   * Calls `onState` with each new state of the job, in turns of the event loop of their own.
   * @param first what the caller knows already. @param onState undefined: it is not there any more. @returns stops it
   */
  follow(first: JobState, onState: (state: JobState | undefined) => void): () => void;
  close(): void;
}

interface Followed {
  readonly watchers: Set<(state: JobState | undefined) => void>;
  stopHints: () => void;
  /** As it was told last; undefined: whoever follows it knows different things. '' where it is gone. */
  text: string | undefined;
  /** Of its row; undefined: not looked at. '' where it is gone. */
  version: string | undefined;
  waits: boolean;
}

/** Of those that wait, at each look. */
const PLACES_AT_ONCE = 50;

export function createJobHub(db: Database, tidemark: Pick<Tidemark, 'subscribeJob'>, pollMs: number): JobHub {
  const followed = new Map<string, Followed>();
  const due = new Set<string>();
  let isLooking = false;
  let placesFrom = 0;

  async function look(): Promise<void> {
    isLooking = true;
    while (due.size > 0) {
      const ids = [...due];
      due.clear();
      try {
        const states = await readJobStates(db, ids);
        for (const id of ids) tell(id, states.get(id));
      } catch {
        // While Postgres is away there is nothing new; the next comparison finds them changed.
        for (const id of ids) forgetVersion(id);
      }
    }
    isLooking = false;
  }

  function forgetVersion(id: string): void {
    const job = followed.get(id);
    if (job) job.version = undefined;
  }

  function tell(id: string, state: JobState | undefined): void {
    const job = followed.get(id);
    const text = JSON.stringify(state) ?? '';
    if (job === undefined || text === job.text) return;
    job.text = text;
    job.waits = state?.state === 'waiting';
    for (const watcher of [...job.watchers]) watcher(state);
  }

  function lookAt(ids: Iterable<string>): void {
    for (const id of ids) due.add(id);
    if (!isLooking) void look();
  }

  async function compare(): Promise<void> {
    if (followed.size === 0) return;
    const { rows } = await db.query(`select w.id, w.xmin::text as version from ${db.schema}.work w where w.id = any ($1::text[])`, [
      [...followed.keys()].map((id) => workIdOf(parseJobId(id))),
    ]);
    const versions = new Map<string, string>(rows.map((row) => [jobIdOf(jobKeyOf(row.id)), row.version]));
    const changed: string[] = [];
    for (const [id, job] of followed) {
      const version = versions.get(id) ?? '';
      if (version !== job.version) changed.push(id);
      job.version = version;
    }
    const waiting = [...followed].filter(([, { waits }]) => waits).map(([id]) => id);
    placesFrom = placesFrom < waiting.length ? placesFrom : 0;
    lookAt([...changed, ...waiting.slice(placesFrom, placesFrom + PLACES_AT_ONCE)]);
    placesFrom += PLACES_AT_ONCE;
  }

  let isComparing = false;
  const poll = setInterval(async () => {
    if (isComparing) return;
    isComparing = true;
    await compare().catch(() => {});
    isComparing = false;
  }, pollMs).unref();

  return {
    follow(first, onState) {
      const { id } = first;
      let job = followed.get(id);
      if (job === undefined) {
        job = {
          watchers: new Set(),
          stopHints: tidemark.subscribeJob(id, () => lookAt([id])),
          text: JSON.stringify(first),
          version: undefined,
          waits: first.state === 'waiting',
        };
        followed.set(id, job);
      } else if (job.text !== JSON.stringify(first)) {
        // Whichever of the two is older: all are told what it is now.
        job.text = undefined;
      }
      const { watchers, stopHints } = job;
      // Its own, so that two of one function are two.
      const watcher = (state: JobState | undefined) => onState(state);
      watchers.add(watcher);
      // It may have changed since it was read.
      lookAt([id]);
      return () => {
        if (watchers.delete(watcher) && watchers.size === 0) {
          stopHints();
          followed.delete(id);
        }
      };
    },
    close: () => clearInterval(poll),
  };
}
