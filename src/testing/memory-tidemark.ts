/**
 * An application in this process' memory: the same definitions and the same logs, without Postgres and without Temporal.
 *
 * Made of the memory event log, a blob store and SimpleWorkerHost. Work waits until `runUntilIdle` carries it out. There are no
 * transactions, and nothing outlives the process. A handler's `db` is what the test gives; without one, a handler that uses it fails with what to do.
 */
import type { BlobStore } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { createMemoryBlobStore } from '../blob-store/memory-blob-store.ts';
import { ConflictError, IdempotencyKeyReusedError, InvalidInputError, LogNotFoundError } from '../errors.ts';
import { type AppendTypedOptions, type AppendTypedValue, checkEntries } from '../event-log/append-typed.ts';
import type { EntryWork } from '../event-log/entry-work.ts';
import type { AddEntryValue, LogEntry, SequenceId } from '../event-log/event-log.ts';
import { createLogHandle, type LogHandle } from '../event-log/log-handle.ts';
import type { AnyLogType, LogType } from '../event-log/log-type.ts';
import { createMemoryEventLog, type MemoryEventLog } from '../event-log/memory-event-log.ts';
import { mergeProvenance, type Provenance } from '../event-log/provenance.ts';
import { createTypedLog } from '../event-log/typed-log.ts';
import type { AnyWorker } from '../messages/define-worker.ts';
import type { Publisher } from '../messages/publish.ts';
import type { RegisteredTopics } from '../messages/register.ts';
import type { Topics } from '../messages/topic.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { createRegistry, type Registry } from '../registry.ts';
import { SimpleWorker, SimpleWorkerHost } from '../worker-hosts/simple-worker-host.ts';
import { createMemoryMessages } from './memory-messages.ts';
import { createMemoryWork, type MemoryWork } from './memory-work.ts';
import { noDatabase } from './no-database.ts';

export interface MemoryTidemarkOptions<TopicsT extends Topics = RegisteredTopics> {
  logTypes?: readonly AnyLogType[];
  entryWork?: readonly EntryWork[];
  topics?: TopicsT;
  workers?: readonly AnyWorker[];
  /** Default: in memory too. */
  blobs?: BlobStore;
  /** The `db` of handlers. */
  db?: Queryable;
  defaults?: Provenance;
}

/** There from its first append on. */
interface MemoryLog {
  logType: AnyLogType;
  events: MemoryEventLog<LogEntry>;
  exists: boolean;
}

/** What it publishes goes to every worker of its topic. */
export interface MemoryTidemark<TopicsT extends Topics = RegisteredTopics> extends Publisher<TopicsT> {
  readonly registry: Registry;
  readonly blobs: BlobStore;
  /** Its units, where a real application has a table. */
  readonly memoryWork: MemoryWork;
  log<EntryT extends LogEntry, StateT>(logType: LogType<EntryT, StateT>, id: string): LogHandle<EntryT, StateT>;
}

/** @example const tidemark = createMemoryTidemark({ logTypes: [order], entryWork: [sendInvoice] }); … await runUntilIdle(tidemark) */
export function createMemoryTidemark<TopicsT extends Topics = RegisteredTopics>(
  options: MemoryTidemarkOptions<TopicsT>,
): MemoryTidemark<TopicsT> {
  const {
    logTypes = [],
    entryWork = [],
    topics = {},
    workers = [],
    blobs = createMemoryBlobStore(),
    db = noDatabase('Give createMemoryTidemark({ db }), or run this test on Postgres.'),
    defaults = {},
  } = options;
  const registry = createRegistry({ logTypes, entryWork, topics, workers });
  const logs = new Map<string, MemoryLog>();
  const blobsOf = (id: string) => blobsOfLog(blobs, id);
  const work = createMemoryWork({ registry, db, logOf: (id) => logs.get(id), blobsOf });
  const worker = new SimpleWorker();
  worker.onReceiveMessage = work.receive;
  const workerHost = new SimpleWorkerHost(worker);
  const answers = new Map<string, { request: string; value: AppendTypedValue }>();
  const workflows = ['snapshot', 'compact', ...registry.entryWork.keys()];

  /** Shared by all handles of this id and type; another type may have it as long as nothing was appended. */
  function logOfType(logType: AnyLogType, id: string): MemoryLog {
    const found = logs.get(id);
    if (found && (found.exists || found.logType === logType)) {
      return found;
    }
    const { snapshotEvery, compactEvery } = logType;
    const events = createMemoryEventLog({ logId: id, workerHost, snapshotEvery, compactEvery, workflows });
    const made: MemoryLog = { logType, events, exists: false };
    logs.set(id, made);
    return made;
  }

  return {
    registry,
    blobs,
    memoryWork: work,
    publish: createMemoryMessages({ registry, db, defaults, add: work.add }),
    log<EntryT extends LogEntry, StateT>(logType: LogType<EntryT, StateT>, id: string) {
      if (registry.logTypes.get(logType.type) !== logType) {
        throw new InvalidInputError(
          `Log type '${logType.type}' is not one of this instance. Add it to createMemoryTidemark({ logTypes }).`,
        );
      }
      /** Looked up at each call: a handle may be older than its log. */
      const current = (): MemoryLog => {
        const log = logOfType(logType, id);
        if (log.logType !== logType) {
          throw new InvalidInputError(
            `Log '${id}' is of type '${log.logType.type}', not '${logType.type}'. Use its own log type, or another log id.`,
          );
        }
        return log;
      };
      const events = logOfType(logType, id).events as MemoryEventLog<EntryT>;
      const log = createTypedLog(id, logType, {
        events,
        blobs: () => blobsOf(id),
        exists: async () => current().exists,
        async append(given, appendOptions) {
          const entries = checkEntries({ id, logType }, given, appendOptions);
          const { once, createsLog = true } = appendOptions;
          const before = once && answers.get(`${once.owner} ${once.key}`);
          if (once && before) {
            if (before.request !== once.request) {
              throw new IdempotencyKeyReusedError(once.key);
            }
            return { ...before.value, isReplayed: true };
          }
          const target = current();
          if (!createsLog && !target.exists) {
            throw new LogNotFoundError(id);
          }
          const appended = await appendAt(target.events, entries, appendOptions);
          target.exists = true;
          const sequenceId = appended.nextSequenceId - BigInt(entries.length);
          work.remember(id, sequenceId, appended.nextSequenceId, mergeProvenance(appendOptions, defaults));
          const value = { sequenceId, ...appended };
          if (once) {
            answers.set(`${once.owner} ${once.key}`, { request: once.request, value });
          }
          return value;
        },
      });
      return createLogHandle(log, {
        eventLog: events,
        blobs: () => blobsOf(id),
        readEnd: () => readEnd(events),
        subscribe: events.subscribe,
        defaultPollMs: POLL_MS,
      });
    },
  };
}

/** Hints of a memory log arrive at once; the poll is for nothing but the contract. */
const POLL_MS = 200;

async function appendAt(
  events: MemoryEventLog<LogEntry>,
  entries: readonly LogEntry[],
  { expect, snapshotId }: Pick<AppendTypedOptions, 'expect' | 'snapshotId'>,
): Promise<AddEntryValue> {
  for (let sequenceId = expect === 'any' ? 0n : expect; ; ) {
    try {
      return await events.addEntries(entries, sequenceId, snapshotId);
    } catch (error) {
      if (expect !== 'any' || !(error instanceof ConflictError)) {
        throw error;
      }
      sequenceId = error.nextSequenceId;
    }
  }
}

async function readEnd(events: MemoryEventLog<LogEntry>): Promise<SequenceId> {
  let page = await events.query('snapshot', 'end');
  while (!page.isComplete) {
    page = await events.query(page.endSequenceId, 'end');
  }
  return page.endSequenceId;
}
