/**
 * What an application has defined, and the handlers that carry it out. Knows no Temporal.
 */
import { eraseHandler } from './erasure/erase-work.ts';
import { InvalidInputError } from './errors.ts';
import type { EntryWork } from './event-log/entry-work.ts';
import { entryWorkHandler } from './event-log/entry-work.ts';
import type { AnyLogType } from './event-log/log-type.ts';
import { collectGarbageJob } from './garbage/collect-job.ts';
import { compactHandler } from './history/compact-work.ts';
import { jobHandler } from './jobs/job-handler.ts';
import { onDeadJob } from './jobs/on-dead-job.ts';
import { createSnapshotCache } from './snapshots/cache.ts';
import { snapshotHandler } from './snapshots/snapshot-work.ts';
import type { HandlerDependencies } from './work/handler-dependencies.ts';
import type { UnitHandler } from './work/unit.ts';

export interface Registry {
  readonly logTypes: ReadonlyMap<string, AnyLogType>;
  readonly entryWork: ReadonlyMap<string, EntryWork>;
}

/** @throws InvalidInputError where two definitions share a name */
export function createRegistry(logTypes: readonly AnyLogType[], entryWork: readonly EntryWork[]): Registry {
  return {
    logTypes: uniqueByName('log type', logTypes, (logType) => logType.type),
    entryWork: uniqueByName('entry work', entryWork, (work) => work.name),
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

/** Handlers by the name of their workflow: `snapshot`, `compact`, `erase`, `job`, and a user's own entry work. */
export function unitHandlers(registry: Registry, dependencies: HandlerDependencies): ReadonlyMap<string, UnitHandler> {
  const { cacheBytes } = dependencies;
  const cache = createSnapshotCache(cacheBytes === undefined ? {} : { maxBytes: cacheBytes });
  const handlers: UnitHandler[] = [
    snapshotHandler(registry.logTypes, { ...dependencies, cache }),
    compactHandler(registry.logTypes, { ...dependencies, cache }),
    eraseHandler(registry.logTypes, { ...dependencies, cache }),
    jobHandler([collectGarbageJob(registry.logTypes, dependencies), onDeadJob(dependencies)]),
  ];
  for (const work of registry.entryWork.values()) {
    handlers.push(entryWorkHandler(work, dependencies));
  }
  return new Map(handlers.map((handler) => [handler.workflow, handler]));
}
