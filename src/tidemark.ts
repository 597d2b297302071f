/**
 * An application's own Tidemark: what it has defined, and the ways to write and read it.
 *
 * Whatever a transaction asks for commits or rolls back with the transaction; after the commit one coalesced hint wakes the starter, and a
 * hint that is lost costs a poll interval. Nothing here needs Temporal: an application only writes facts.
 */
import type { BlobStore } from './blob-store/blob-store.ts';
import { blobsOfLog } from './blob-store/blobs-of-log.ts';
import { missingBlobStore } from './blob-store/missing-blob-store.ts';
import type { AnyChange } from './changes/on-change.ts';
import { checkOptionNames, type OptionNames } from './check-option-names.ts';
import type { EntryWork } from './event-log/entry-work.ts';
import type { LogEntry } from './event-log/event-log.ts';
import { createKnownLogs } from './event-log/known-logs.ts';
import { createLogHandle, type LogHandle } from './event-log/log-handle.ts';
import type { AnyLogType, LogType } from './event-log/log-type.ts';
import { createPostgresEventLog } from './event-log/postgres-event-log.ts';
import { createPostgresTypedLog, type TypedLogDatabase } from './event-log/postgres-typed-log.ts';
import { mergeProvenance, type Provenance } from './event-log/provenance.ts';
import { readLog } from './event-log/read-log.ts';
import { checkKnownJob } from './jobs/check-job.ts';
import type { AnyJob, OutputOf } from './jobs/define-job.ts';
import type { Enqueuer } from './jobs/enqueue.ts';
import { createInlineEnqueuer } from './jobs/inline-enqueuer.ts';
import type { JoinedEnqueuer } from './jobs/job-enqueuer.ts';
import { type Jobs, openJobs } from './jobs/jobs.ts';
import { poolOfJobs } from './jobs/pool-of-jobs.ts';
import { createTemporalEnqueuer } from './jobs/temporal-enqueuer.ts';
import { checkRegistered, type JoinedTransaction, joinTransaction, type TidemarkTransaction } from './join-transaction.ts';
import type { AnyWorker } from './messages/define-worker.ts';
import { type Publisher, publishMessage } from './messages/publish.ts';
import type { RegisteredTopics } from './messages/register.ts';
import type { Topics } from './messages/topic.ts';
import { type ApplicationDatabase, connectionStringOf, runInTransaction } from './postgres/application-database.ts';
import { createHintListener } from './postgres/hint-listener.ts';
import { type AppendHint, createHintSender, logHint } from './postgres/hints.ts';
import { DEFAULT_SCHEMA, inSchema, type Queryable } from './postgres/queryable.ts';
import { createRegistry, type Registry } from './registry.ts';
import type { AnySchedule } from './schedules/define-schedule.ts';
import { loadJobSettings } from './settings/job-settings.ts';
import { createSnapshotCache, type SnapshotCache } from './snapshots/cache.ts';
import { sheet } from './spreadsheet/sheet.ts';
import { createRegistration } from './work/registration.ts';
import { type WorkbookActions, workbookActions } from './workbooks/workbook-actions.ts';

export interface TidemarkOptions<TopicsT extends Topics = Topics> {
  /** A pg Pool, or an adapter over another driver. */
  db: ApplicationDatabase;
  /** Where `tidemark migrate` has put its tables. Default `tidemark`. */
  schema?: string;
  logTypes?: readonly AnyLogType[];
  entryWork?: readonly EntryWork[];
  /** What may be published: see defineTopics. */
  topics?: TopicsT;
  /** Who gets it. `tidemark subscriptions apply` tells the database. */
  workers?: readonly AnyWorker[];
  /** What row changes make happen: see onChange. `tidemark cdc` reads them. */
  changes?: readonly AnyChange[];
  /** What may be enqueued: see defineJob. */
  jobs?: readonly AnyJob[];
  /** False: jobs run in the process that enqueues them, without Temporal and without a starter. Default: what USE_JOBS says, else true. */
  useJobs?: boolean;
  /** What a clock enqueues: see defineSchedule. Workers make sure of it, or `tidemark schedules apply`. */
  schedules?: readonly AnySchedule[];
  /** The blob store of the workers: needed to read the state of a log that has a snapshot. */
  blobs?: BlobStore;
  /** Who and why, for what does not say: a value, or asked for each time (from an AsyncLocalStorage, for example). */
  defaults?: Provenance | (() => Provenance);
  /** A direct connection for LISTEN: `follow` hears of other processes' commits at once. Default: that of the pool, where it has one. */
  connectionString?: string;
  /** Bytes of decoded snapshots kept in memory. Default 64 MiB. */
  cacheBytes?: number;
}

/** What it publishes or enqueues outside of a transaction is in one of its own. */
export interface Tidemark<TopicsT extends Topics = RegisteredTopics> extends Publisher<TopicsT>, Enqueuer, Jobs, WorkbookActions {
  readonly registry: Registry;
  readonly db: ApplicationDatabase;
  readonly schema: string;
  readonly blobs: BlobStore | undefined;
  /** False: jobs run in the process that enqueues them. */
  readonly useJobs: boolean;
  /** Decoded snapshots, for whoever opens one of its logs by another way. */
  readonly cache: SnapshotCache;
  /**
   * Runs `body` in a transaction of its own: committed when it resolves, rolled back when it throws. Starters are woken after the commit; where jobs run
   * in this process, it resolves when those that it enqueued have ended, whatever became of them; from within a job when it is committed, and they run beside it.
   * @throws SetupError where `db` cannot begin one; what `body` throws; the driver's error where the commit failed
   */
  transaction<T>(body: (transaction: TidemarkTransaction<TopicsT>) => Promise<T>, provenance?: Provenance): Promise<T>;
  /** Joins a transaction that the caller begins and commits. */
  in(tx: Queryable, provenance?: Provenance): JoinedTransaction<TopicsT>;
  /** A log by itself: each append is a transaction of its own. */
  log<EntryT extends LogEntry, StateT>(logType: LogType<EntryT, StateT>, id: string): LogHandle<EntryT, StateT>;
  /**
   * Hints that a log has grown: of this process' own appends, and where it can LISTEN of others'. One may be lost, so whoever counts on it also
   * polls. @returns stops the hints
   */
  subscribe(logId: string, onChange: () => void): () => void;
  /** Something may be claimable: for whoever wrote without `transaction`. Resolves when the hint was sent, or lost. */
  wake(): Promise<void>;
  /** Ends what this instance holds open beside the application's `db`. Idempotent. */
  close(): Promise<void>;
}

const OPTIONS = {
  ...{ db: true, schema: true, logTypes: true, entryWork: true, topics: true, workers: true, changes: true, jobs: true, schedules: true },
  ...{ useJobs: true, blobs: true, defaults: true, connectionString: true, cacheBytes: true },
} as const satisfies OptionNames<TidemarkOptions>;
const POLL_WITH_LISTEN_MS = 1_000;
const POLL_ALONE_MS = 200;

/** @throws InvalidInputError for two definitions of one name, an option that there is not, or a bad schema name */
export function createTidemark<TopicsT extends Topics = RegisteredTopics>(options: TidemarkOptions<TopicsT>): Tidemark<TopicsT> {
  checkOptionNames('createTidemark', options, OPTIONS);
  const {
    db,
    schema = DEFAULT_SCHEMA,
    logTypes = [],
    entryWork = [],
    topics = {},
    workers = [],
    changes = [],
    jobs = [],
    schedules = [],
    blobs,
    defaults = {},
    cacheBytes,
  } = options;
  const database = inSchema(db, schema);
  // Every worker knows sheets.
  const registry = createRegistry({
    logTypes: logTypes.some((logType) => logType.type === sheet.type) ? logTypes : [...logTypes, sheet],
    entryWork,
    topics,
    workers,
    changes,
    jobs,
    schedules,
  });
  const registration = createRegistration(database, [...registry.entryWork.keys()].sort());
  const hints = createHintSender(database, schema);
  const connectionString = options.connectionString ?? connectionStringOf(db);
  const listener = createHintListener({ connectionString, schema });
  const shared = {
    schema,
    known: createKnownLogs(),
    cache: createSnapshotCache(cacheBytes === undefined ? {} : { maxBytes: cacheBytes }),
    blobs: (logId: string) => blobsOfLog(blobs ?? missingBlobStore, logId),
  };
  const { useJobs = loadJobSettings().useJobs } = options;
  const enqueuer = useJobs
    ? createTemporalEnqueuer(hints)
    : createInlineEnqueuer({ registry, schema, db: database, blobs: blobs ?? missingBlobStore, pool: poolOfJobs(db, connectionString) });
  const defaultProvenance = () => (typeof defaults === 'function' ? defaults() : defaults);
  const {
    handleOf,
    settled: jobHintsSettled,
    ...jobsOfInstance
  } = openJobs({ db: database, schema, listener, wake: enqueuer.wake, provenance: defaultProvenance });

  function sendHints(appended: readonly AppendHint[]): void {
    if (appended.length > 0) {
      hints.appended(appended);
      for (const { logId } of appended) {
        listener.ring(logHint(logId));
      }
    }
  }

  function enqueueBy(enqueuer: JoinedEnqueuer, provenanceOf: () => Provenance): Enqueuer['enqueue'] {
    return async (job, input, options = {}) => {
      checkKnownJob(registry.jobs, job);
      const { jobId, answer } = await enqueuer.enqueue(job, input, { ...options, ...mergeProvenance(options, provenanceOf()) });
      return handleOf<OutputOf<typeof job>>(jobId, answer);
    };
  }

  const alone: TypedLogDatabase = {
    ...shared,
    db: database,
    isTransaction: false,
    provenance: defaultProvenance,
    beforeAppend: (workflow) => (workflow === undefined ? Promise.resolve() : registration.ensure()),
    afterAppend: (hint) => sendHints([hint]),
  };

  const parts = {
    registry,
    topics,
    registration,
    shared,
    enqueuer,
    enqueueBy,
    sendHints,
    wakeStarters: hints.work,
    provenance: defaultProvenance,
  };

  const enqueue: Enqueuer['enqueue'] = async (job, input, options) => {
    const joinedEnqueuer = enqueuer.within(database);
    const handle = await enqueueBy(joinedEnqueuer, defaultProvenance)(job, input, options);
    await joinedEnqueuer.committed();
    return handle;
  };

  return {
    ...workbookActions(database, registry.jobs, enqueue),
    registry,
    db,
    schema,
    blobs,
    useJobs,
    cache: shared.cache,
    async transaction(body, provenance = {}) {
      await registration.ensure();
      let wake = async () => {};
      const value = await runInTransaction(db, async (tx) => {
        const joined = joinTransaction<TopicsT>(parts, tx, provenance);
        wake = joined.wake;
        return body(joined.transaction).finally(joined.end);
      });
      await wake();
      return value;
    },
    in(tx, provenance = {}) {
      const { transaction, wake } = joinTransaction<TopicsT>(parts, tx, provenance);
      return { ...transaction, wake };
    },
    async publish(topic, payload, options = {}) {
      const value = await publishMessage(database, topics, topic, payload, {
        ...options,
        ...mergeProvenance(options, defaultProvenance()),
      });
      if (value.deliveries > 0) {
        hints.work();
      }
      return value;
    },
    enqueue,
    ...jobsOfInstance,
    log(logType, id) {
      const log = createPostgresTypedLog(checkRegistered(registry, logType), id, alone);
      return createLogHandle(log, {
        blobs: () => shared.blobs(id),
        readEnd: async () => (await readLog(database, id)).nextSequenceId,
        eventLog: createPostgresEventLog({ pool: db, logId: id, schema }),
        subscribe: (onChange) => listener.subscribe(logHint(id), onChange),
        defaultPollMs: listener.listens ? POLL_WITH_LISTEN_MS : POLL_ALONE_MS,
      });
    },
    subscribe: (logId, onChange) => listener.subscribe(logHint(logId), onChange),
    wake: enqueuer.wake,
    async close() {
      await Promise.all([listener.close(), enqueuer.close(), hints.settled(), jobHintsSettled()]);
    },
  };
}
