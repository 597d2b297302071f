/**
 * What was written to one cell, newest first: by which entry, by whom and when. Archived entries too.
 *
 * A log may have millions of entries and nothing lists those of a cell, so they are looked through backwards: what the log holds by Postgres, which gives only the
 * writes; archived ones a segment at a time. A call ends after about a second and says where to go on, however few it has found.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { ArchivableLog, SequenceId } from '../event-log/event-log.ts';
import { openHistory } from '../history/open-history.ts';
import { readSegment } from '../history/segment.ts';
import type { Database } from '../postgres/queryable.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { archivedWritesIn } from './archived-cell-writes.ts';
import type { CellValue } from './cell.ts';
import { readHeldWrites } from './held-cell-writes.ts';

export interface CellWrite {
  sequenceId: SequenceId;
  /** Of the entry. */
  type: string;
  /** null: the cell was emptied. */
  value: CellValue;
  format?: string | undefined;
  actor?: string | undefined;
  /** ISO 8601; absent where the log did not know. */
  committedAt?: string | undefined;
}

export interface CellWritesOptions {
  db: Database;
  logId: string;
  log: Pick<ArchivableLog<never>, 'lastHistory'>;
  /** The directory of this log's blobs; asked for where entries are archived. */
  blobs: () => Promise<BlobDir>;
  row: number;
  column: number;
  /** Only entries before this one; default: all. */
  before?: SequenceId | undefined;
  limit: number;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  /** Default 1,000. */
  budgetMs?: number | undefined;
}

export interface CellWritesValue {
  writes: CellWrite[];
  /** `before` of the call that goes on; absent: there is nothing more. */
  next?: SequenceId;
}

/** @throws LogNotFoundError, CorruptBlobError, BlobNotFoundError */
export async function readCellWrites(options: CellWritesOptions): Promise<CellWritesValue> {
  const { limit, budgetMs = 1_000, log, blobs, cache, signal, row, column } = options;
  const deadline = performance.now() + budgetMs;
  const { writes, position, first } = await readHeldWrites({ ...options, deadline });
  if (position > first) {
    return { writes, next: position };
  }

  const newest = position > 0n ? await log.lastHistory() : undefined;
  if (newest === undefined) {
    return { writes };
  }
  const directory = await blobs();
  const history = await openHistory(directory, newest, cache);
  let at = history.end;
  if (position < at) {
    at = position;
  }
  while (at > history.start) {
    signal?.throwIfAborted();
    if (writes.length >= limit || performance.now() > deadline) {
      return { writes, next: at };
    }
    const ref = await history.segmentAt(at - 1n);
    const segment = await readSegment(directory, ref, cache);
    const found = archivedWritesIn(segment, at, { row, column, limit: limit - writes.length });
    writes.push(...found.writes);
    at = found.position;
  }
  return { writes };
}
