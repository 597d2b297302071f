/**
 * The units of a memory application: what the work table is to a real one, as far as a test sees it.
 *
 * Messages of the worker host queue up, `runReady` carries them out one after another in the order they came. A handler's own error is
 * tried again at once until the unit is dead; what a worker would try for ever is thrown after a few attempts.
 */
import { setImmediate } from 'node:timers/promises';
import type { BlobDir } from '../blob-store/blob-store.ts';
import { callEntryWork, DEFAULT_MAX_ATTEMPTS, type EntryWork } from '../event-log/entry-work.ts';
import type { LogEntry, SequenceId } from '../event-log/event-log.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import type { MemoryEventLog } from '../event-log/memory-event-log.ts';
import type { Provenance } from '../event-log/provenance.ts';
import { compactLog } from '../history/compact-log.ts';
import { withHistory } from '../history/with-history.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Registry } from '../registry.ts';
import { takeSnapshot } from '../snapshots/take-snapshot.ts';
import { classifyError, unitError } from '../work/classify-error.ts';
import { invokeWorkflow, type WorkflowFunction } from '../worker-hosts/invoke-workflow.ts';
import type { PendingWorkflowMessage } from '../worker-hosts/worker-host.ts';
import { MAX_INFRASTRUCTURE_ERRORS, refuseToWait } from './infrastructure-error.ts';
import { orAborted } from './or-aborted.ts';
import type { WorkView } from './work-view.ts';

/** One that waits to be carried out. */
export interface MemoryUnit extends WorkView {
  /** In ms of Date.now(): not before. */
  readonly notBefore?: number | undefined;
  /** Until it has ended; what a worker would wait out is thrown, and it stays ready. */
  carryOut(unit: MemoryUnit, signal: AbortSignal): Promise<void>;
}

export interface MemoryWork {
  add(unit: MemoryUnit): void;
  /** For the worker: the entry's unit, where it has none that is alive or dead. */
  receive(message: PendingWorkflowMessage): void;
  /** Who appended the entries from `first` to before `end`, and why. */
  remember(logId: string, first: SequenceId, end: SequenceId, provenance: Provenance): void;
  list(): Promise<WorkView[]>;
  /** @returns how many units it carried out */
  runReady(signal: AbortSignal): Promise<number>;
}

export interface MemoryWorkOptions {
  registry: Registry;
  db: Queryable;
  logOf: (id: string) => { logType: AnyLogType; events: MemoryEventLog<LogEntry> } | undefined;
  blobsOf: (id: string) => Promise<BlobDir>;
}

/** A host hands its messages over in the next turn of the event loop: what was asked for before is known after one. */
const turn = () => setImmediate();

type EntryUnit = MemoryUnit & { message: PendingWorkflowMessage };

export function createMemoryWork({ registry, db, logOf, blobsOf }: MemoryWorkOptions): MemoryWork {
  const units = new Map<string, MemoryUnit>();
  const ready: MemoryUnit[] = [];
  const provenanceOf = new Map<string, Provenance>();

  function receive(message: PendingWorkflowMessage): void {
    const { workflow, logId, sequenceId } = message;
    const id = `${workflow}/${logId}/${sequenceId}`;
    const known = units.get(id);
    if (known && known.state !== 'done' && known.state !== 'cancelled') {
      return;
    }
    const { actor, correlationId, causationId } = provenanceOf.get(`${logId}/${sequenceId}`) ?? {};
    const unit: EntryUnit = {
      message,
      carryOut: (_, signal) => carryOut(unit, signal),
      id,
      workflow,
      state: 'ready',
      attempt: 0,
      log: logId,
      sequenceId,
      group: logOf(logId)?.logType.type ?? '',
      progress: null,
      result: null,
      ...(actor === undefined ? {} : { actor }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
    };
    add(unit);
  }

  function add(unit: MemoryUnit): void {
    units.set(unit.id, unit);
    ready.push(unit);
  }

  const eventsOf = (logId: string) => logOf(logId)?.events as MemoryEventLog<LogEntry>;

  const snapshot: WorkflowFunction = async ({ logId, sequenceId, signal }) => {
    const logType = logOf(logId)?.logType as AnyLogType;
    const blobs = await blobsOf(logId);
    const log = withHistory({ log: eventsOf(logId), blobs });
    return { snapshot: await takeSnapshot({ log, blobs, logType, sequenceId, signal }) };
  };

  const compact: WorkflowFunction = async ({ logId, sequenceId, signal }) => {
    const logType = logOf(logId)?.logType as AnyLogType;
    const { snapshot, history } = await compactLog({ log: eventsOf(logId), blobs: await blobsOf(logId), logType, sequenceId, signal });
    return { snapshot, ...(history === undefined ? {} : { history }) };
  };

  /** What a worker does in the transaction that ends a compaction: entries that wait for work of the application's own stay. */
  async function truncateArchived({ logId, sequenceId }: PendingWorkflowMessage): Promise<void> {
    const events = eventsOf(logId);
    const waiting = (await events.queryPending()).find(({ workflow }) => registry.entryWork.has(workflow));
    await events.truncate(waiting && waiting.sequenceId < sequenceId ? waiting.sequenceId : sequenceId);
  }

  function workflowOf(unit: EntryUnit, work: EntryWork): WorkflowFunction {
    return async ({ entry, logId, sequenceId, signal }) => {
      const { actor, correlationId, causationId, attempt, progress: lastProgress } = unit;
      const progress = async (value: unknown) => {
        unit.progress = value;
      };
      const outcome = await callEntryWork(
        work,
        unit.group,
        { entry, logId, sequenceId, actor, correlationId, causationId },
        { db, signal, attempt, lastProgress, progress },
      );
      unit.result = outcome.result ?? null;
      return outcome;
    };
  }

  async function carryOut(unit: EntryUnit, signal: AbortSignal): Promise<void> {
    const work = registry.entryWork.get(unit.workflow);
    const workflows = { snapshot, compact, ...(work ? { [work.name]: workflowOf(unit, work) } : {}) };
    unit.state = 'started';
    for (let infrastructureErrors = 0; ; ) {
      unit.attempt += 1;
      try {
        const outcome = await orAborted(invokeWorkflow(unit.message, { log: eventsOf, workflows, signal }), signal);
        if (outcome === 'completed' && unit.workflow === 'compact') {
          await truncateArchived(unit.message);
        }
        unit.state = outcome === 'truncated' ? 'cancelled' : 'done';
        delete unit.error;
        return;
      } catch (error) {
        unit.error = unitError(error);
        const kind = signal.aborted ? 'infrastructure' : classifyError(error);
        if (kind === 'fatal' || (kind === 'handler' && unit.attempt >= (work?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS))) {
          unit.state = 'dead';
          return;
        }
        if (kind === 'infrastructure') {
          infrastructureErrors += 1;
          if (infrastructureErrors === MAX_INFRASTRUCTURE_ERRORS || signal.aborted) {
            unit.state = 'ready';
            ready.unshift(unit);
            throw refuseToWait(unit.id, signal, error);
          }
        }
      }
    }
  }

  return {
    add,
    receive,
    remember(logId, first, end, provenance) {
      for (let sequenceId = first; sequenceId < end; sequenceId += 1n) {
        provenanceOf.set(`${logId}/${sequenceId}`, provenance);
      }
    },
    async list() {
      await turn();
      return [...units.values()].map(viewOf);
    },
    async runReady(signal) {
      await turn();
      let count = 0;
      for (let unit = shiftDue(ready); unit; unit = shiftDue(ready)) {
        signal.throwIfAborted();
        await unit.carryOut(unit, signal);
        count += 1;
      }
      return count;
    },
  };
}

/** The first whose time has come. */
function shiftDue(ready: MemoryUnit[]): MemoryUnit | undefined {
  const index = ready.findIndex(({ notBefore = 0 }) => notBefore <= Date.now());
  return index < 0 ? undefined : ready.splice(index, 1)[0];
}

function viewOf(unit: MemoryUnit): WorkView {
  const { carryOut: _, notBefore: __, message: ___, ...view } = unit as EntryUnit;
  return view;
}
