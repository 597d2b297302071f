/** What an application does in a transaction: log entries, messages and jobs commit or roll back with all else, and nothing is woken before the commit. */
import { InvalidInputError } from './errors.ts';
import type { LogEntry } from './event-log/event-log.ts';
import type { AnyLogType, LogType } from './event-log/log-type.ts';
import { createPostgresTypedLog, type TypedLogDatabase } from './event-log/postgres-typed-log.ts';
import { mergeProvenance, type Provenance } from './event-log/provenance.ts';
import type { TypedLog } from './event-log/typed-log.ts';
import type { Enqueuer } from './jobs/enqueue.ts';
import type { JobEnqueuer, JoinedEnqueuer } from './jobs/job-enqueuer.ts';
import { type Publisher, publishMessage } from './messages/publish.ts';
import type { RegisteredTopics } from './messages/register.ts';
import type { Topics } from './messages/topic.ts';
import { rememberPublisher } from './messages/trigger-typed-event.ts';
import type { AppendHint } from './postgres/hints.ts';
import { type Database, inSchema, type Queryable } from './postgres/queryable.ts';
import type { Registry } from './registry.ts';
import type { Registration } from './work/registration.ts';
import { type WorkbookActions, workbookActions } from './workbooks/workbook-actions.ts';

export interface TidemarkTransaction<TopicsT extends Topics = RegisteredTopics> extends Publisher<TopicsT>, Enqueuer, WorkbookActions {
  /** The transaction itself, for the application's own statements. */
  readonly tx: Queryable;
  /** A log in this transaction. */
  log<EntryT extends LogEntry, StateT>(logType: LogType<EntryT, StateT>, id: string): TypedLog<EntryT, StateT>;
}

export interface JoinedTransaction<TopicsT extends Topics = RegisteredTopics> extends TidemarkTransaction<TopicsT> {
  /**
   * Call it after the commit: tells starters and followers at once what a poll would find later. Nothing is lost without it. Where jobs run in this process,
   * they run now, and it resolves when they have ended; from within a job at once. Never rejects.
   */
  wake(): Promise<void>;
}

/** What an instance joins transactions with. */
export interface InstanceParts {
  registry: Registry;
  topics: Topics;
  registration: Registration;
  shared: Pick<TypedLogDatabase, 'known' | 'cache' | 'blobs'> & { schema: string };
  enqueuer: JobEnqueuer;
  enqueueBy(enqueuer: JoinedEnqueuer, provenanceOf: () => Provenance): Enqueuer['enqueue'];
  sendHints(appended: readonly AppendHint[]): void;
  wakeStarters(): void;
  /** For what does not say who and why. */
  provenance(): Provenance;
}

/** @returns the transaction; `end`, after which nothing of it is sent; `wake`, for after the commit */
export function joinTransaction<TopicsT extends Topics>(
  { registry, topics, registration, shared, enqueuer, enqueueBy, sendHints, wakeStarters, provenance: defaults }: InstanceParts,
  tx: Queryable,
  provenance: Provenance,
) {
  const appended: AppendHint[] = [];
  let asked = false;
  let over = false;
  // Late, a statement would run in whatever transaction has the connection by then.
  const whileOpen =
    <ArgsT extends unknown[], T>(send: (...args: ArgsT) => Promise<T>) =>
    async (...args: ArgsT) => {
      if (over) {
        throw new InvalidInputError(
          'This transaction is over. Await everything that uses its log(), publish() and enqueue() before its body returns.',
        );
      }
      return send(...args);
    };
  const open = inSchema(tx, shared.schema);
  const txDatabase: Database = { schema: open.schema, query: whileOpen(open.query), prepared: whileOpen(open.prepared) };
  const provenanceHere = () => mergeProvenance(provenance, defaults());
  const joinedEnqueuer = enqueuer.within(txDatabase);
  const joined: TypedLogDatabase = {
    ...shared,
    db: txDatabase,
    isTransaction: true,
    provenance: provenanceHere,
    async beforeAppend(workflow) {
      if (workflow !== undefined) {
        await registration.ensureWithin(txDatabase, workflow);
      }
    },
    afterAppend: (hint) => appended.push(hint),
  };
  const enqueue = enqueueBy(joinedEnqueuer, provenanceHere);
  const transaction: TidemarkTransaction<TopicsT> = {
    ...workbookActions(txDatabase, registry.jobs, enqueue),
    tx,
    log: (logType, id) => createPostgresTypedLog(checkRegistered(registry, logType), id, joined),
    async publish(topic, payload, options = {}) {
      const value = await publishMessage(txDatabase, topics, topic, payload, {
        ...options,
        ...mergeProvenance(options, provenanceHere()),
      });
      asked ||= value.deliveries > 0;
      return value;
    },
    enqueue,
  };
  rememberPublisher(tx, transaction.publish as Publisher['publish']);
  return {
    transaction,
    end() {
      over = true;
    },
    wake() {
      sendHints(appended.splice(0));
      if (asked) {
        asked = false;
        wakeStarters();
      }
      return joinedEnqueuer.committed();
    },
  };
}

/** A worker finds log types by their names: one that it was not given would leave its snapshots undone. */
export function checkRegistered<LogTypeT extends AnyLogType>(registry: Registry, logType: LogTypeT): LogTypeT {
  if (registry.logTypes.get(logType.type) !== logType) {
    throw new InvalidInputError(`Log type '${logType.type}' is not one of this instance. Add it to createTidemark({ logTypes }).`);
  }
  return logType;
}
