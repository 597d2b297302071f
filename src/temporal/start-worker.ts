/**
 * A worker: runs workflows and activities, with the starter loop beside it unless it is turned off.
 * `failed` settles when the worker stops by itself; `stop` drains it: short units end, long ones go on elsewhere.
 */
import { Worker } from '@temporalio/worker';
import { burstActivities } from '../activities/burst.ts';
import { carryOutActivities } from '../activities/carry-out.ts';
import { scheduleActivities } from '../activities/scheduled.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import type { OnDead } from '../jobs/on-dead.ts';
import { registerJobs } from '../jobs/register-jobs.ts';
import { tellOfDeaths } from '../jobs/tell-of-deaths.ts';
import { applySubscriptions } from '../messages/apply-subscriptions.ts';
import { keepSubscriptions } from '../messages/keep-subscriptions.ts';
import { takeSubscriptions } from '../messages/taking-processes.ts';
import { createJobHintSender } from '../postgres/job-hints.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { type Registry, unitHandlers } from '../registry.ts';
import type { JobDefaults } from '../settings/job-settings.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { StarterLoop } from '../work/loop.ts';
import type { ObserveEnd } from '../work/observe.ts';
import { partOf } from '../work/part.ts';
import { installationId, registerWorkflows } from '../work/register.ts';
import { findHandlers } from '../work/unit.ts';
import { watchFences } from '../work/watch-fences.ts';
import { connectWorker, type TemporalOptions } from './connection.ts';
import { appSchedules, keepSchedules } from './keep-schedules.ts';
import { type StarterOptions, startStarter } from './start-starter.ts';
import { taskQueueOf } from './task-queue.ts';
import { type WorkflowBundle, workerOptions } from './worker-options.ts';

export interface StartWorkerOptions {
  registry: Registry;
  /** At least as many connections as the worker has activity slots: see worker-options. */
  pool: Pool;
  /**
   * For the statements of the starter and of bursts, and single ones beside the transactions of attempts. Default: `pool`. Each connection plans them for itself,
   * for some 15 ms: few do.
   */
  statements?: Pool;
  schema: string;
  blobs: BlobStore;
  temporal: TemporalOptions;
  /** false: another process starts executions. */
  starter: false | Omit<StarterOptions, 'pool' | 'schema' | 'client' | 'eager' | 'part' | 'except'>;
  /** These subscriptions alone, on a task queue of their own; needs its starter. */
  subscriptions?: readonly string[];
  /** All but these subscriptions. */
  except?: readonly string[];
  cacheBytes?: number;
  workflowBundle?: WorkflowBundle;
  /** Takes what a person should know although the work went on. */
  warn?: (message: string) => void;
  /** Takes the lines that handlers log. */
  log?: HandlerDependencies['log'];
  /** Told of each end of an attempt. */
  observe?: ObserveEnd | undefined;
  /** Who is told of units that became dead; absent: nobody. The same for every worker of an installation. */
  onDead?: OnDead | undefined;
  /** What jobs have that do not say it themselves. */
  jobDefaults?: JobDefaults;
  /** Brings the subscriptions of the database to what the registry says, first. Default: it says what differs. */
  apply?: boolean;
}

export interface RunningWorker {
  /** Rejects when the worker fails; resolves when it has stopped. */
  readonly ended: Promise<void>;
  wake(): void;
  /** Idempotent. */
  stop(): Promise<void>;
}

export async function startWorker(options: StartWorkerOptions): Promise<RunningWorker> {
  const { registry, pool, statements, schema, blobs, temporal, starter, cacheBytes, workflowBundle, warn, log, observe, onDead, apply } =
    options;
  const db = inSchema(pool, schema);
  const part = options.subscriptions && partOf(options.subscriptions);
  const { except, jobDefaults = {} } = options;
  const jobs = createJobHintSender(db, schema);
  const handlers = unitHandlers(registry, {
    pool,
    statements,
    schema,
    blobs,
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    ...(warn === undefined ? {} : { warn }),
    log,
    onDead,
    jobDefaults,
    onJobChange: jobs.changed,
  }).filter(({ group }) => (part ? group !== undefined && part.groups.includes(group) : !(group !== undefined && except?.includes(group))));
  await registerWorkflows(db, [...new Set(handlers.map((handler) => handler.workflow))]);
  await tellOfDeaths(db, onDead !== undefined);
  await registerJobs(db, registry.jobs.values(), jobDefaults);
  const workers = [...registry.workers.values()];
  if (apply) await applySubscriptions(db, workers);
  const takes = handlers.flatMap(({ group }) => (group !== undefined && registry.workers.has(group) ? [group] : []));
  const stopKeeping = await keepSubscriptions(db, workers, takes, warn ?? (() => {}));
  const stopTaking = await takeSubscriptions(db, takes, warn ?? (() => {}));
  const forgetSubscriptions = async () => {
    stopKeeping();
    await stopTaking();
  };
  const { connection, client } = await connectWorker(temporal).catch(async (error: unknown) => {
    await forgetSubscriptions();
    throw error;
  });
  const observeEnd: ObserveEnd = (end) => {
    if (end.workId?.startsWith('job/')) jobs.changed(end.workId);
    observe?.(end);
  };
  const stopped = new AbortController();
  let loop: StarterLoop | undefined;
  const dependencies = {
    pool,
    statements,
    schema,
    handlerOf: findHandlers(handlers),
    observe: observeEnd,
    watch: watchFences(db),
    stopped: stopped.signal,
    // It may have gone on for longer than the loop looks often.
    onBurstEnd: () => loop?.wake(),
  };
  let worker: Worker;
  try {
    worker = await Worker.create(
      workerOptions({
        connection,
        namespace: temporal.namespace,
        taskQueue: taskQueueOf(await installationId(db), part?.id),
        activities: { ...carryOutActivities(dependencies), ...burstActivities(dependencies), ...scheduleActivities(dependencies) },
        ...(workflowBundle ? { workflowBundle } : {}),
      }),
    );
  } catch (error) {
    await forgetSubscriptions();
    await connection.close();
    throw error;
  }
  const ran = worker.run();
  // Their executions run on the task queue of the rest. A worker without any, of sheets alone for example, is not who says that there are none.
  const stopScheduling =
    part || registry.schedules.size === 0
      ? async () => {}
      : keepSchedules({ client, pool, schema, ...appSchedules(registry.schedules) }, warn ?? (() => {}));
  const ended = ran.finally(async () => {
    stopped.abort(new Error('The worker has stopped.'));
    await forgetSubscriptions();
    await Promise.all([loop?.stop(), stopScheduling()]);
    await connection.close();
    await jobs.settled();
  });
  // Whoever awaits `ended` sees the failure; nobody has to.
  ended.catch(() => {});
  if (starter) {
    // Executions are started eagerly: Temporal hands the first task back on this worker's own connection.
    try {
      loop = await startStarter({
        ...{ ...starter, pool: statements ?? pool, schema, client, eager: true, observe },
        ...(part ? { part } : {}),
        ...(except ? { except } : {}),
      });
    } catch (error) {
      // Whoever starts again would have two of them.
      worker.shutdown();
      await ended.catch(() => {});
      throw error;
    }
  }
  let stopping: Promise<void> | undefined;
  return {
    ended,
    wake: () => loop?.wake(),
    stop() {
      stopping ??= (async () => {
        await Promise.all([loop?.stop(), stopScheduling()]);
        if (worker.getState() === 'RUNNING') {
          worker.shutdown();
        }
        await ended.catch(() => {});
      })();
      return stopping;
    },
  };
}
