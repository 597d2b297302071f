/**
 * Where an application's typed logs are kept in Postgres: on the application's own connections, or in one transaction.
 * A log that is remembered and has gone in spite of it is looked for again.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { LogNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { appendTyped, checkEntries, findLogOfType } from './append-typed.ts';
import { checkLogId } from './check-names.ts';
import type { LogEntry, SequenceId } from './event-log.ts';
import type { KnownLogs } from './known-logs.ts';
import type { LogType } from './log-type.ts';
import { createPostgresEventLog } from './postgres-event-log.ts';
import { mergeProvenance, type Provenance } from './provenance.ts';
import { createTypedLog, type TypedLog } from './typed-log.ts';

export interface TypedLogDatabase {
  /** A transaction, or connections of the application's own. */
  db: Database;
  /** Name of the schema, unquoted. */
  schema: string;
  /** What is seen in a transaction may never be committed: it is not remembered. */
  isTransaction: boolean;
  known: KnownLogs;
  blobs: (logId: string) => Promise<BlobDir>;
  cache: SnapshotCache;
  provenance: () => Provenance;
  /** Before anything is sent. */
  beforeAppend: (workflow: string | undefined) => Promise<void>;
  afterAppend: (appended: { logId: string; sequenceId: SequenceId; pending: boolean }) => void;
}

export function createPostgresTypedLog<EntryT extends LogEntry, StateT>(
  logType: LogType<EntryT, StateT>,
  id: string,
  { db, schema, isTransaction, known, blobs, cache, provenance, beforeAppend, afterAppend }: TypedLogDatabase,
): TypedLog<EntryT, StateT> {
  checkLogId(id);
  const { type } = logType;
  const events = createPostgresEventLog<EntryT>({ pool: db, logId: id, schema });

  async function exists(): Promise<boolean> {
    if (known.has(type, id)) {
      return true;
    }
    const found = await findLogOfType(db, id, type);
    if (found && !isTransaction) {
      known.add(type, id);
    }
    return found;
  }

  return createTypedLog(id, logType, {
    events: {
      async query(start, end, snapshotId) {
        try {
          return await events.query(start, end, snapshotId);
        } catch (error) {
          if (error instanceof LogNotFoundError) {
            known.forget(type, id);
          }
          throw error;
        }
      },
      lastHistory: () => events.lastHistory(),
    },
    exists,
    blobs: () => blobs(id),
    cache,
    async append(given, options) {
      const merged = { ...options, ...mergeProvenance(options, provenance()) };
      const entries = checkEntries({ id, logType }, given, merged);
      await beforeAppend(options.pending);
      const appended = await appendTyped(db, { id, logType, known, schema }, entries, merged);
      if (!isTransaction) {
        known.add(type, id);
      }
      if (!appended.isReplayed) {
        afterAppend({ logId: id, sequenceId: appended.nextSequenceId - 1n, pending: options.pending !== undefined });
      }
      return appended;
    },
  });
}
