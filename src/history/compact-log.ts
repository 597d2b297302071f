/**
 * Compacts a log before an entry: its snapshot there, and the entries before it archived. A plain function, whoever calls it.
 *
 * The log stays as it is: the caller sets `snapshot` and `history` on the entry and truncates the log up to it, in one transaction where it can.
 * Like takeSnapshot it can be stopped anywhere: nothing refers to a blob before it is written, an attempt goes on from the progress of an
 * earlier one, and attempts that overlap write the same blobs or ones that nothing will refer to.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { ArchivableLog, BlobId, LogEntry, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { type TakeSnapshotOptions, takeSnapshot } from '../snapshots/take-snapshot.ts';
import { type ArchiveOptions, archiveEntries } from './archive.ts';
import { type ReadStoredEntries, storedEntriesOf } from './stored-entry.ts';
import { withHistory } from './with-history.ts';

export interface CompactProgress {
  /** Pass both to the next attempt as `resume`. */
  snapshot: SnapshotValue;
  history?: BlobId;
  /** Of the step that is under way: entries that this attempt has done, and has to do in all. */
  entries: number;
  total: number;
}

export interface CompactLogOptions<EntryT extends LogEntry, StateT> {
  log: ArchivableLog<EntryT>;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  logType: LogType<EntryT, StateT>;
  /** What is before this entry is compacted. */
  sequenceId: SequenceId;
  /** The entries whole; default: what the log says of them, without who wrote them and when. */
  entries?: ReadStoredEntries | undefined;
  resume?: Pick<CompactProgress, 'snapshot' | 'history'> | undefined;
  /** How the two steps cut their work. */
  chunks?: Pick<TakeSnapshotOptions<EntryT, StateT>, 'chunkEntries' | 'chunkBytes' | 'chunkMs'> | undefined;
  segments?: Pick<ArchiveOptions, 'segmentEntries' | 'segmentBytes' | 'rootSegments' | 'progressMs'> | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  /** As takeSnapshot's. */
  onFallback?: TakeSnapshotOptions<EntryT, StateT>['onFallback'];
  /** Now and then; awaited before it goes on. */
  onProgress?: ((progress: CompactProgress) => void | Promise<void>) | undefined;
}

export interface CompactLogValue {
  /** To be set on entry `sequenceId`. */
  snapshot: BlobId;
  /** To be set on it too; absent where a history that reaches at least as far is there, or there was nothing to archive. */
  history?: BlobId;
  /** First entry that can be read from `history`. */
  start?: SequenceId;
  /** Entries archived by this attempt. */
  entries: number;
}

/** @throws as takeSnapshot; CorruptBlobError, BlobNotFoundError for the history that it goes on */
export async function compactLog<EntryT extends LogEntry, StateT>({
  log,
  blobs,
  logType,
  sequenceId,
  entries = storedEntriesOf(log),
  resume,
  chunks,
  segments,
  cache,
  signal,
  onFallback,
  onProgress,
}: CompactLogOptions<EntryT, StateT>): Promise<CompactLogValue> {
  const readable = withHistory({ log, blobs, cache });
  const snapshot = await takeSnapshot({
    ...chunks,
    log: readable,
    blobs,
    logType,
    sequenceId,
    cache,
    signal,
    onFallback,
    resume: resume?.snapshot,
    onProgress: (progress) => onProgress?.({ snapshot: progress.resume, entries: progress.entries, total: progress.total }),
  });
  const newest = await log.lastHistory();
  const { startSequenceId: first } = await log.query('start', 0n);
  const archived = await archiveEntries({
    ...segments,
    entries,
    blobs,
    first,
    to: sequenceId,
    newest,
    resume: resume?.history,
    cache,
    signal,
    onProgress: ({ history, entries: done, total }) =>
      onProgress?.({ snapshot: { sequenceId, blobId: snapshot }, history, entries: done, total }),
  });
  return { snapshot, ...archived };
}
