/**
 * Jobs run by the process that enqueues them, without Temporal and without a starter. Each is the same unit, written in the same transaction; after the commit
 * this process claims it, runs it, and whoever enqueued waits until it has ended, one after another. What a job enqueues runs after it.
 *
 * Where this process dies on the way the unit is there. It is found by the next look of any such process of the same application, a minute later, or run
 * by a worker. What is put off into the future is refused: nobody would be there when its time comes.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { InvalidInputError } from '../errors.ts';
import { createJobHintSender } from '../postgres/job-hints.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Registry } from '../registry.ts';
import { loadJobSettings } from '../settings/job-settings.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { UnitHandler } from '../work/unit.ts';
import { watchFences } from '../work/watch-fences.ts';
import type { AnyJob } from './define-job.ts';
import { type EnqueueOptions, enqueueJob } from './enqueue.ts';
import type { JobEnqueuer } from './job-enqueuer.ts';
import { jobHandler } from './job-handler.ts';
import { parseJobId, workIdOf } from './job-id.ts';
import type { PoolOfJobs } from './pool-of-jobs.ts';
import { registerJobs } from './register-jobs.ts';
import { type InlineJob, runInline } from './run-inline.ts';

export interface InlineEnqueuerOptions extends Pick<HandlerDependencies, 'schema' | 'blobs'> {
  db: Database;
  registry: Registry;
  /** A transaction of each job that runs, and statements beside it. */
  pool: PoolOfJobs;
}

/** A job to carry out. */
type Asked = Pick<InlineJob, 'workId' | 'wait'>;

const LOOK_EVERY_MS = 10_000;
/** What has been ready for so long, nobody is about to run. */
const LEFT_AFTER_MS = 60_000;
const LEFT_AT_ONCE = 20;
const PRUNED_AT_ONCE = 500;

export function createInlineEnqueuer({ db, registry, pool, schema, blobs }: InlineEnqueuerOptions): JobEnqueuer {
  const { defaults: jobDefaults } = loadJobSettings();
  const stop = new AbortController();
  const watch = watchFences(db);
  const changes = createJobHintSender(db, schema);
  /** Of the call that is being carried out, from within its handlers: what comes after the job that runs. */
  const running = new AsyncLocalStorage<Asked[]>();
  const handlers = new Map<string, UnitHandler>();
  const inHand = new Set<Promise<unknown>>();
  let registering: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  async function enqueueNow(tx: Database, job: AnyJob, input: unknown, options: EnqueueOptions = {}) {
    refuseLater(job.name, options);
    return enqueueJob(tx, job, input, options);
  }

  function handlerOf(workId: string): UnitHandler | undefined {
    const [, name = ''] = workId.split('/');
    const job = registry.jobs.get(name);
    const known = handlers.get(name);
    if (known || !job) {
      return known;
    }
    const handler = jobHandler(job, registry.topics, {
      ...{ schema, blobs, jobDefaults },
      pool: pool.open(),
      onJobChange: changes.changed,
      // It is committed with the job that enqueues it, or never: then there is nothing to claim.
      async enqueueJob(tx, next, input, options) {
        const enqueued = await enqueueNow(tx, next, input, options);
        running.getStore()?.push(askedOf(enqueued));
        return enqueued;
      },
    });
    handlers.set(name, handler);
    return handler;
  }

  /** One after another, and what they enqueue meanwhile. @returns how many have ended */
  async function carryOut(asked: readonly Asked[]): Promise<number> {
    const outer = running.getStore();
    const queue = [...asked];
    let ended = 0;
    registering ??= registerJobs(db, registry.jobs.values(), jobDefaults).catch(() => {
      registering = undefined;
    });
    await registering;
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { workId, wait } = next;
      const handler = handlerOf(workId);
      if (!handler) continue;
      const options = { pool: pool.open(), schema, signal: stop.signal, watch };
      // From within a job, one that waits for a place might wait for that very job.
      const patience = wait === 'ended' && outer ? 'time' : wait;
      const outcome = await running.run(queue, () => runInline({ workId, handler, wait: patience }, options));
      ended += outcome === 'ended' ? 1 : 0;
      changes.changed(workId);
      if (outcome === 'later' && wait === 'ended') outer?.push(next);
    }
    return ended;
  }

  function track<T>(work: Promise<T>): Promise<T> {
    inHand.add(work);
    return work.finally(() => inHand.delete(work));
  }

  /** Runs what is left over, and removes what is kept no longer. Only a hint that there may be some: the next look finds it too. */
  async function look(ageMs: number): Promise<void> {
    for (;;) {
      const { rows } = await db.query(
        `select id from ${db.schema}.jobs_left($1::text[], $2::integer * interval '1 millisecond', ${LEFT_AT_ONCE}) id`,
        [[...registry.jobs.keys()], ageMs],
      );
      const ids: string[] = rows.map((row) => row.id);
      const ended = await carryOut(ids.map((workId) => ({ workId, wait: 'never' })));
      if (ids.length < LEFT_AT_ONCE || ended === 0) break;
    }
    await db.query(`select ${db.schema}.prune_work(${PRUNED_AT_ONCE}), ${db.schema}.prune_jobs(${PRUNED_AT_ONCE})`);
  }

  function lookInBackground(): void {
    if (stop.signal.aborted) return;
    if (!isLooking) {
      isLooking = true;
      track(look(LEFT_AFTER_MS))
        .catch(() => {})
        .finally(() => {
          isLooking = false;
        });
    }
    timer ??= setInterval(lookInBackground, LOOK_EVERY_MS).unref();
  }

  return {
    within(tx) {
      const asked: Asked[] = [];
      return {
        async enqueue(job, input, options) {
          const enqueued = await enqueueNow(tx, job, input, options);
          asked.push(askedOf(enqueued));
          return enqueued;
        },
        async committed() {
          if (asked.length === 0) return;
          await track(carryOut(asked.splice(0)));
          if (running.getStore() === undefined) lookInBackground();
        },
      };
    },
    async wake() {
      await track(look(0)).catch(() => {});
      lookInBackground();
    },
    async close() {
      stop.abort(new Error('The process is stopping.'));
      clearInterval(timer);
      await Promise.allSettled(inHand);
      await changes.settled();
      await pool.close();
    },
  };
}

/** One that was there already may be run by whoever enqueued it: it is not waited for. */
function askedOf({ jobId, answer }: Awaited<ReturnType<typeof enqueueJob>>): Asked {
  return { workId: workIdOf(parseJobId(jobId)), wait: answer === 'ignored' ? 'never' : 'ended' };
}

function refuseLater(name: string, { notBefore, dedupe }: EnqueueOptions): void {
  if ((notBefore instanceof Date && notBefore.getTime() > Date.now()) || dedupe?.mode === 'debounce') {
    throw new InvalidInputError(
      `Job '${name}' cannot be put off ${notBefore ? `until ${notBefore.toISOString()}` : "by dedupe mode 'debounce'"}: USE_JOBS is off, so nobody is there when its time comes. Leave it out, or set USE_JOBS=on and run a worker.`,
    );
  }
}
