/**
 * What an application has defined, and the handlers that carry it out. Knows no Temporal.
 */
import type { AnyChange } from './changes/on-change.ts';
import { changeMessageType } from './changes/stored-change.ts';
import { eraseHandler } from './erasure/erase-work.ts';
import { InvalidInputError } from './errors.ts';
import type { EntryWork } from './event-log/entry-work.ts';
import { entryWorkHandler } from './event-log/entry-work.ts';
import type { AnyLogType } from './event-log/log-type.ts';
import { collectGarbageJob } from './garbage/collect-job.ts';
import { compactHandler } from './history/compact-work.ts';
import { checkJob } from './jobs/check-job.ts';
import type { AnyJob } from './jobs/define-job.ts';
import { jobHandler } from './jobs/job-handler.ts';
import { jobTopics } from './jobs/job-topics.ts';
import { onDeadJob } from './jobs/on-dead-job.ts';
import { SYSTEM_JOBS, systemJobHandler } from './jobs/system-jobs.ts';
import { batchDeliveryHandler } from './messages/batch-handler.ts';
import { checkWorker } from './messages/check-worker.ts';
import type { AnyWorker } from './messages/define-worker.ts';
import { deliveryHandler } from './messages/delivery-handler.ts';
import type { Topics } from './messages/topic.ts';
import { type AnySchedule, checkSchedule, checkScheduledJob } from './schedules/define-schedule.ts';
import { createSnapshotCache } from './snapshots/cache.ts';
import { snapshotHandler } from './snapshots/snapshot-work.ts';
import type { HandlerDependencies } from './work/handler-dependencies.ts';
import type { UnitHandler } from './work/unit.ts';
import { DOWNLOAD_RECORDS, downloadRecordsJob } from './workbooks/download-records.ts';

export interface Registry {
  readonly logTypes: ReadonlyMap<string, AnyLogType>;
  readonly entryWork: ReadonlyMap<string, EntryWork>;
  /** Those of changes too. */
  readonly topics: Topics;
  /** By subscription; those of changes too. */
  readonly workers: ReadonlyMap<string, AnyWorker>;
  readonly changes: readonly AnyChange[];
  /** And Tidemark's own `download-records`, where the application gives none. */
  readonly jobs: ReadonlyMap<string, AnyJob>;
  readonly schedules: ReadonlyMap<string, AnySchedule>;
}

export interface Definitions {
  logTypes?: readonly AnyLogType[];
  entryWork?: readonly EntryWork[];
  topics?: Topics;
  workers?: readonly AnyWorker[];
  changes?: readonly AnyChange[];
  jobs?: readonly AnyJob[];
  schedules?: readonly AnySchedule[];
}

/** @throws InvalidInputError where two definitions share a name, or a worker is of no topic here */
export function createRegistry(definitions: Definitions): Registry {
  const { logTypes = [], entryWork = [], workers: listed = [], changes = [], jobs: ofApplication = [], schedules = [] } = definitions;
  for (const [name, list] of Object.entries({ logTypes, entryWork, workers: listed, changes, jobs: ofApplication, schedules })) {
    if (!Array.isArray(list)) {
      throw new InvalidInputError(`${name} is no array. Give a list, also of one.`);
    }
  }
  const jobs = ofApplication.some(({ name }) => name === DOWNLOAD_RECORDS) ? ofApplication : [...ofApplication, downloadRecordsJob()];
  const ofChanges = changes.map(({ topic: name }) => [name, { ...changeMessageType, name }] as const);
  const topics: Topics = { ...jobTopics, ...definitions.topics, ...Object.fromEntries(ofChanges) };
  const workers = [...listed, ...changes];
  const byType = uniqueByName('log type', logTypes, (logType) => logType.type);
  const bySubscription = uniqueByName('subscription', workers, (worker) => worker.subscription);
  for (const worker of workers) {
    checkWorker(worker, topics);
    if (byType.has(worker.subscription)) {
      throw new InvalidInputError(
        `'${worker.subscription}' is a subscription and a log type: both name a group of work. Rename one of them.`,
      );
    }
  }
  const byJobName = uniqueByName('job', jobs, (job) => job.name);
  for (const job of jobs) {
    checkJob(job);
    const other = byType.has(job.name)
      ? 'a log type'
      : bySubscription.has(job.name)
        ? 'a subscription'
        : SYSTEM_JOBS.includes(job.name) && "Tidemark's own";
    if (other) {
      throw new InvalidInputError(`'${job.name}' is a job and ${other}: both name a group of work. Rename the job.`);
    }
  }
  for (const schedule of schedules) {
    checkSchedule(schedule);
    checkScheduledJob(schedule, byJobName);
  }
  return {
    logTypes: byType,
    entryWork: uniqueByName('entry work', entryWork, (work) => work.name),
    topics,
    workers: bySubscription,
    changes,
    jobs: byJobName,
    schedules: uniqueByName('schedule', schedules, (schedule) => schedule.name),
  };
}

function uniqueByName<T>(kind: string, items: readonly T[], nameOf: (item: T) => string): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    const name = nameOf(item);
    if (map.has(name)) {
      throw new InvalidInputError(`The ${kind} '${name}' is defined twice. Give one of them another name.`);
    }
    map.set(name, item);
  }
  return map;
}

/** What carries out `snapshot`, `compact`, `erase`, a user's own entry work, the deliveries of each subscription, and each job. */
export function unitHandlers(registry: Registry, dependencies: HandlerDependencies): readonly UnitHandler[] {
  const { cacheBytes } = dependencies;
  const cache = createSnapshotCache(cacheBytes === undefined ? {} : { maxBytes: cacheBytes });
  const handlers: UnitHandler[] = [
    snapshotHandler(registry.logTypes, { ...dependencies, cache }),
    compactHandler(registry.logTypes, { ...dependencies, cache }),
    eraseHandler(registry.logTypes, { ...dependencies, cache }),
    systemJobHandler([collectGarbageJob(registry.logTypes, dependencies), onDeadJob(dependencies)]),
  ];
  for (const work of registry.entryWork.values()) {
    handlers.push(entryWorkHandler(work, dependencies));
  }
  for (const worker of registry.workers.values()) {
    handlers.push(
      worker.batch === undefined
        ? deliveryHandler(worker, registry.topics, dependencies)
        : batchDeliveryHandler(worker, registry.topics, dependencies),
    );
  }
  for (const job of registry.jobs.values()) {
    handlers.push(jobHandler(job, registry, dependencies));
  }
  return handlers;
}
