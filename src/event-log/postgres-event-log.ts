/**
 * An event log in Postgres. Each call is one statement: alone it is a transaction, bound by `within` it is part of the caller's.
 *
 * A refusal (a conflict, a range, an unknown workflow) is an answer, not a failed statement, so a caller's transaction goes on.
 * Where Postgres is away, calls fail with the driver's error and have done nothing, or, when it went away in between, all of it.
 */
import { LogNotFoundError } from '../errors.ts';
import { checkPageSize } from '../page-size.ts';
import { type Database, DEFAULT_SCHEMA, inSchema, type Queryable } from '../postgres/queryable.ts';
import { appendEntries } from './append.ts';
import { checkLogId } from './check-names.ts';
import { completeEntryWorkflow } from './complete-workflow.ts';
import type { ArchivableLog, LogEntry, SequenceId } from './event-log.ts';
import { readLastHistory } from './last-history.ts';
import { createEntryQuery } from './query.ts';
import { type PendingEntry, queryPendingEntries } from './query-pending.ts';
import { setEntryMetadata } from './set-metadata.ts';
import { truncateLog } from './truncate.ts';
import { watchLog } from './watch-log.ts';

export interface PostgresEventLogOptions {
  /** A pg Pool, or anything that runs each statement in a transaction of its own. */
  pool: Queryable;
  logId: string;
  /** Most entries in one page of `query`. */
  pageSize?: number;
  schema?: string;
  /** How late a hint of `subscribe` may be, in ms. */
  watchMs?: number;
}

export interface PostgresEventLog<T extends LogEntry> extends ArchivableLog<T> {
  readonly logId: string;
  /** The same log as part of the caller's transaction: what it adds is there when, and only if, that commits. */
  within(tx: Queryable): ArchivableLog<T>;
  queryPending(): Promise<PendingEntry[]>;
}

export function createPostgresEventLog<T extends LogEntry = LogEntry>(options: PostgresEventLogOptions): PostgresEventLog<T> {
  const { pool, logId, pageSize = 1_000, schema = DEFAULT_SCHEMA, watchMs = 250 } = options;
  checkLogId(logId);
  checkPageSize(pageSize);
  const db = inSchema(pool, schema);
  const queryEntries = createEntryQuery<T>({ logId, pageSize });
  // Through the pool also when bound: a transaction is for its own statements.
  const subscribe = watchLog({ readEnd: () => readEnd(db, logId), intervalMs: watchMs });
  const boundTo = (database: Database): ArchivableLog<T> => ({
    addEntry: (entry, sequenceId, snapshotId) => appendEntries(database, [entry], { logId, sequenceId, snapshotId }),
    addEntries: (entries, sequenceId, snapshotId) => appendEntries(database, entries, { logId, sequenceId, snapshotId }),
    setMetadata: (sequenceId, metadata) => setEntryMetadata(database, logId, sequenceId, metadata),
    completeWorkflow: (sequenceId, workflow, result) => completeEntryWorkflow(database, logId, sequenceId, workflow, result),
    query: (start, end, snapshotId) => queryEntries(database, start, end, snapshotId),
    truncate: (start) => truncateLog(database, logId, start),
    lastHistory: () => readLastHistory(database, logId),
    subscribe,
  });
  return {
    ...boundTo(db),
    logId,
    within: (tx) => boundTo(inSchema(tx, schema)),
    queryPending: () => queryPendingEntries(db, logId),
  };
}

async function readEnd(db: Database, logId: string): Promise<SequenceId> {
  const { rows } = await db.query(`select next_sequence_id from ${db.schema}.logs where id = $1::text`, [logId]);
  if (!rows[0]) {
    throw new LogNotFoundError(logId);
  }
  return BigInt(rows[0].next_sequence_id);
}
