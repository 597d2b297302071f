/**
 * Jobs run by the process that enqueues them, without Temporal and without a starter. Each is the same unit, written in the same transaction; after the commit
 * this process claims it, runs it, and whoever enqueued waits until it has ended, one after another. What a job enqueues with its end runs after it; what it
 * enqueues in a transaction of that one's own runs beside it, as a worker would run it, and whoever enqueued the first one waits for that too. The job does
 * not: it may hold what the other one needs.
 *
 * Where this process dies on the way the unit is there. It is found by the looks of a process of the same application that has enqueued something or was woken,
 * a minute later, or run by a worker. What is put off into the future is refused: nobody would be there when its time comes.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
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
import { JOBS_AT_ONCE, type PoolOfJobs } from './pool-of-jobs.ts';
import { registerJobs } from './register-jobs.ts';
import { type InlineJob, runInline } from './run-inline.ts';
import { createTurns } from './turns.ts';

export interface InlineEnqueuerOptions extends Pick<HandlerDependencies, 'schema' | 'blobs'> {
  db: Database;
  registry: Registry;
  /** A transaction of each job that runs, and statements beside it. */
  pool: PoolOfJobs;
}

/** A job to carry out. */
type Asked = Pick<InlineJob, 'workId' | 'wait'>;

/** A call that is being carried out. */
interface Call {
  /** What comes after the job that runs. */
  queue: Asked[];
  /** What its jobs have enqueued by themselves, and runs already. */
  beside: Promise<unknown>[];
}

const LOOK_EVERY_MS = 10_000;
/** What has been ready for so long, nobody is about to run. */
const LEFT_AFTER_MS = 60_000;
const LEFT_AT_ONCE = 20;
const PRUNED_AT_ONCE = 500;

export function createInlineEnqueuer({ db, registry, pool, schema, blobs }: InlineEnqueuerOptions): JobEnqueuer {
  const { defaults: jobDefaults } = loadJobSettings();
  const stop = new AbortController();
  // Every job that runs or waits listens.
  setMaxListeners(0, stop.signal);
  const watch = watchFences(db);
  const changes = createJobHintSender(db, schema);
  const turns = createTurns(JOBS_AT_ONCE);
  /** From within its handlers. */
  const running = new AsyncLocalStorage<Call>();
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
    const handler = jobHandler(job, registry, {
      ...{ schema, blobs, jobDefaults },
      ...pool.open(),
      onJobChange: changes.changed,
      // It is committed with the job that enqueues it, or never: then there is nothing to claim.
      async enqueueJob(tx, next, input, options) {
        const enqueued = await enqueueNow(tx, next, input, options);
        running.getStore()?.queue.push(askedOf(enqueued));
        return enqueued;
      },
    });
    handlers.set(name, handler);
    return handler;
  }

  /** One after another, and what they enqueue meanwhile. @returns how many have ended */
  async function carryOut(asked: readonly Asked[]): Promise<number> {
    const call: Call = { queue: [...asked], beside: [] };
    let ended = 0;
    registering ??= registerJobs(db, registry.jobs.values(), jobDefaults).catch(() => {
      registering = undefined;
    });
    await registering;
    for (let next = call.queue.shift(); next; next = call.queue.shift()) {
      const { workId, wait } = next;
      const handler = handlerOf(workId);
      if (!handler) continue;
      const options = { pools: pool.open(), turns, schema, signal: stop.signal, watch };
      const outcome = await running.run(call, () => runInline({ workId, handler, wait }, options));
      ended += outcome === 'ended' ? 1 : 0;
      changes.changed(workId);
    }
    await Promise.all(call.beside);
    return ended;
  }

  /** From within a job it is not waited for. */
  async function carriedOut(work: Promise<unknown>): Promise<void> {
    const tracked = track(work);
    const call = running.getStore();
    if (!call) {
      await tracked;
      return;
    }
    tracked.catch(() => {});
    call.beside.push(tracked);
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
          await carriedOut(carryOut(asked.splice(0)));
          if (running.getStore() === undefined) lookInBackground();
        },
      };
    },
    async wake() {
      await carriedOut(look(0).catch(() => {}));
      if (running.getStore() === undefined) lookInBackground();
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
