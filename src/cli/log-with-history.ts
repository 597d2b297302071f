import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { openBlobStore } from '../blob-store/open-blob-store.ts';
import type { LogEntry } from '../event-log/event-log.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { type LogWithHistory, withHistory } from '../history/with-history.ts';
import type { DatabaseContext } from './with-database.ts';

/** A log with its archived entries, for reading; the blob store is opened when they are first needed. */
export function logWithHistory<T extends LogEntry>({ pool, targets }: DatabaseContext, logId: string): LogWithHistory<T> {
  const { schema } = targets;
  return withHistory({
    log: createPostgresEventLog<T>({ pool, logId, schema }),
    blobs: async () => blobsOfLog(await openBlobStore(targets.blobs, { pool, schema }), logId),
  });
}
