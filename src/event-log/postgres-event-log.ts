/**
 * The event log in Postgres: what the contract calls one operation is one statement, alone or in a caller's transaction.
 */
import { type Database, DEFAULT_SCHEMA, inSchema, type Queryable } from '../postgres/queryable.ts';
import { appendEntries } from './append-entries.ts';
import { completeEntryWorkflow } from './complete-workflow.ts';
import type { EventLog, LogEntry } from './event-log.ts';
import { checkLogId } from './names.ts';
import { queryEntries } from './query-entries.ts';
import { setEntryMetadata } from './set-metadata.ts';
import { subscribeToLog } from './subscribe-to-log.ts';
import { truncateLog } from './truncate-log.ts';

export interface PostgresEventLogOptions {
  /** A pg pool, or anything that runs statements on connections of its own. */
  pool: Queryable;
  logId: string;
  /** Entries per page of a query. Default 1,000. */
  pageSize?: number;
  schema?: string;
}

export interface PostgresEventLog<T extends LogEntry> extends EventLog<T> {
  readonly logId: string;
  /** The same log in the caller's transaction: what is done with it commits or rolls back there. */
  within(tx: Queryable): EventLog<T>;
}

/** @throws InvalidInputError for a bad log id; each operation throws LogNotFoundError where the log was not created */
export function createPostgresEventLog<T extends LogEntry = LogEntry>(options: PostgresEventLogOptions): PostgresEventLog<T> {
  const { pool, logId, pageSize = 1_000, schema = DEFAULT_SCHEMA } = options;
  checkLogId(logId);
  return {
    logId,
    ...bind<T>(inSchema(pool, schema), inSchema(pool, schema), logId, pageSize),
    within: (tx) => bind<T>(inSchema(tx, schema), inSchema(pool, schema), logId, pageSize),
  };
}

function bind<T extends LogEntry>(db: Database, pool: Database, logId: string, pageSize: number): EventLog<T> {
  return {
    addEntry: (entry, sequenceId, snapshotId) => appendEntries(db, logId, [entry], { expect: sequenceId, snapshotId }),
    addEntries: (entries, sequenceId, snapshotId) => appendEntries(db, logId, entries, { expect: sequenceId, snapshotId }),
    setMetadata: (sequenceId, metadata) => setEntryMetadata(db, logId, sequenceId, metadata),
    completeWorkflow: (sequenceId, workflow, result) => completeEntryWorkflow(db, logId, sequenceId, workflow, result),
    query: (start, end, snapshotId) => queryEntries<T>(db, logId, { start, end, snapshotId, pageSize }),
    truncate: (start) => truncateLog(db, logId, start),
    // Hints are of what is committed, never of the transaction at hand.
    subscribe: (onChange) => subscribeToLog(pool, logId, onChange),
  };
}
