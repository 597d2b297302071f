/** Pages of a log with its history, as JSON text: as `createEntryTextQuery`, from the first entry that was archived on. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { SequenceRangeError } from '../errors.ts';
import { metadataIn } from '../event-log/entry-data.ts';
import { entryText } from '../event-log/entry-text.ts';
import type { HistoryValue, SequenceId } from '../event-log/event-log.ts';
import type { PageRange } from '../event-log/page-reader.ts';
import type { EntriesText } from '../event-log/query-text.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { type History, openHistory } from './open-history.ts';
import { readSegment, storedEntriesIn } from './segment.ts';

export interface ArchivedTextOptions {
  /** Of what the log holds. */
  query: (range: PageRange) => Promise<EntriesText>;
  lastHistory: () => Promise<HistoryValue | undefined>;
  /** The directory of the log's blobs. */
  blobs: () => Promise<BlobDir>;
  pageSize: number;
  withProvenance: boolean;
  cache?: SnapshotCache | undefined;
}

/** @throws as the log does; SequenceRangeError also for entries before the history; CorruptBlobError, BlobNotFoundError */
export async function queryArchivedText(options: ArchivedTextOptions, range: PageRange): Promise<EntriesText> {
  const { query } = options;
  if (range.start === 'snapshot') {
    return query(range);
  }
  if (range.start === 'start') {
    const history = await newestHistory(options);
    return history ? archivedPage(options, history, history.start, range) : query(range);
  }
  try {
    return await query(range);
  } catch (error) {
    if (!(error instanceof SequenceRangeError) || range.start >= error.startSequenceId) {
      throw error;
    }
    const history = await newestHistory(options);
    if (history === undefined || range.start >= history.end) {
      throw error;
    }
    if (range.start < history.start) {
      throw new SequenceRangeError(range.start, history.start, error.endSequenceId);
    }
    return archivedPage(options, history, range.start, range);
  }
}

async function newestHistory({ lastHistory, blobs, cache }: ArchivedTextOptions): Promise<History | undefined> {
  const newest = await lastHistory();
  return newest && openHistory(await blobs(), newest, cache);
}

async function archivedPage(
  { query, blobs, cache, pageSize, withProvenance }: ArchivedTextOptions,
  history: History,
  start: SequenceId,
  { end, snapshotId }: PageRange,
): Promise<EntriesText> {
  const ref = await history.segmentAt(start);
  const segment = await readSegment(await blobs(), ref, cache);
  const ends = [ref.end, start + BigInt(pageSize), ...(end === 'end' ? [] : [end])];
  const to = ends.reduce((least, one) => (one < least ? one : least));
  const count = Math.max(0, Number(to - start));
  const first = Number(start - ref.start);
  const stored = storedEntriesIn({ start, rows: segment.rows.slice(first, first + count) });
  const metadata = new Map(stored.map(({ snapshot, history: blobId }, index) => [index, metadataIn({ snapshot, history: blobId }) ?? {}]));
  const newest = snapshotId === undefined ? undefined : (await query({ start: 'snapshot', end: 0n, snapshotId })).lastSnapshot;
  const endSequenceId = start + BigInt(count);
  return {
    startSequenceId: start,
    endSequenceId,
    // The log goes on where its history ends: only an end inside is the end.
    isComplete: end !== 'end' && endSequenceId >= end,
    ...(newest ? { lastSnapshot: newest } : {}),
    entries: stored.map(({ type, data }, index) => entryText(start, index, type, data, metadata.get(index))),
    metadata,
    ...(withProvenance
      ? {
          provenance: JSON.stringify(
            stored.map(({ actor, correlationId, causationId, committedAt }) => ({ actor, correlationId, causationId, committedAt })),
          ),
        }
      : {}),
  };
}
