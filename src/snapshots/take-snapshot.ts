/**
 * Writes the state of a log before a sequence id into blobs: a plain function, whoever calls it.
 *
 * It folds in chunks of bounded memory. Each chunk but the last ends in a manifest that a later attempt goes on from, and in `onProgress`, which
 * is how it gets recorded. Same log, same sequence id: the same blobs, so attempts that overlap write the same. Nothing refers to a blob before
 * it is written. What it throws is retryable unless it is a TidemarkError that says otherwise (CorruptBlobError, HistoryGoneError, 'fold_failed').
 *
 * A snapshot that turns out to be corrupt or gone, at its root or in a part that the fold needs, is left for the one before it, or for the
 * beginning of the log, as long as the entries since are held; `onFallback` hears of it.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { TidemarkError } from '../errors.ts';
import type { BlobId, EventLog, LogEntry, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import type { SnapshotCache } from './cache.ts';
import { countWrites } from './counting-dir.ts';
import { isUnusableBlob, type SnapshotFallback } from './find-base.ts';
import { replay } from './replay.ts';

/** Less than a second of folding: what a takeover may have to do again. */
const DEFAULT_CHUNK_ENTRIES = 500_000;
/** Estimated memory of what is folded and not written; large entries end a chunk early. */
const DEFAULT_CHUNK_BYTES = 32 * 1024 * 1024;
/** For folds that are slow: progress is seen, and a takeover loses no more than this. */
const DEFAULT_CHUNK_MS = 3_000;

export interface SnapshotProgress {
  /** Pass it as `resume` to the next attempt. */
  resume: SnapshotValue;
  /** Entries folded and written by this attempt. */
  entries: number;
  /** Entries that this attempt has to fold in all. */
  total: number;
  /** Blobs and compressed bytes written so far, manifests included. */
  blobsWritten: number;
  bytesWritten: number;
}

export interface TakeSnapshotOptions<EntryT extends LogEntry, StateT> {
  log: EventLog<EntryT>;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  logType: LogType<EntryT, StateT>;
  /** The snapshot holds the state of all entries strictly before this one. */
  sequenceId: SequenceId;
  /** The last `resume` that an earlier attempt reported. Used where it is newer than the newest snapshot, ignored where it cannot be read. */
  resume?: SnapshotValue | undefined;
  /** What `log.query('snapshot', sequenceId, NO_SNAPSHOT)` has answered: a log of one page then needs no query at all. */
  prefetched?: QueryValue<EntryT> | undefined;
  /** What ends a chunk, whichever comes first. Defaults: 500,000 entries, 32 MiB of state that is in no blob yet, 3 s. */
  chunkEntries?: number | undefined;
  chunkBytes?: number | undefined;
  chunkMs?: number | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  /** After each chunk but the last; awaited before the next one begins. */
  onProgress?: ((progress: SnapshotProgress) => void | Promise<void>) | undefined;
  /** For each snapshot that could not be used, once: what stood in for it gave the result. */
  onFallback?: ((fallback: SnapshotFallback) => void) | undefined;
  /** Once, at the end, as `onProgress` counts; `resume` is the snapshot itself. */
  onFinish?: ((progress: SnapshotProgress) => void) | undefined;
}

/**
 * @returns the root blob, to be set as `snapshot` of entry `sequenceId`
 * @throws HistoryGoneError, CorruptBlobError, BlobNotFoundError; SequenceRangeError where `sequenceId` is truncated away or beyond the end;
 * TidemarkError 'fold_failed'; the signal's reason; anything that the log and the blob store throw
 */
export async function takeSnapshot<EntryT extends LogEntry, StateT>(options: TakeSnapshotOptions<EntryT, StateT>): Promise<BlobId> {
  const unusable = new Map<BlobId, TidemarkError>();
  const reported = new Set<BlobId>();
  const onFallback = (fallback: SnapshotFallback) => {
    if (!reported.has(fallback.blobId)) {
      reported.add(fallback.blobId);
      options.onFallback?.(fallback);
    }
  };
  for (;;) {
    let base: BlobId | undefined;
    try {
      const onBase = ({ blobId }: { blobId?: BlobId }) => {
        base = blobId;
      };
      return await foldIntoBlobs({ ...options, onFallback }, unusable, onBase);
    } catch (error) {
      // A part of it that is not read before it is needed. Each is tried once, so this ends.
      if (!isUnusableBlob(error) || base === undefined || unusable.has(base)) {
        throw error;
      }
      unusable.set(base, error);
    }
  }
}

async function foldIntoBlobs<EntryT extends LogEntry, StateT>(
  options: TakeSnapshotOptions<EntryT, StateT>,
  unusable: ReadonlyMap<BlobId, TidemarkError>,
  onBase: (base: { blobId?: BlobId }) => void,
): Promise<BlobId> {
  const {
    log,
    blobs,
    logType,
    sequenceId,
    resume,
    prefetched,
    chunkEntries = DEFAULT_CHUNK_ENTRIES,
    chunkBytes = DEFAULT_CHUNK_BYTES,
    chunkMs = DEFAULT_CHUNK_MS,
    cache,
    signal,
    onProgress,
    onFinish,
    onFallback,
  } = options;
  const written = { blobs: 0, bytes: 0 };
  const counted = countWrites(blobs, written);
  const { snapshots, version } = logType;
  const format = { typeVersion: version, cache, signal };
  const progress = (position: SequenceId, blobId: BlobId, base: SequenceId): SnapshotProgress => ({
    resume: { sequenceId: position, blobId },
    entries: Number(position - base),
    total: Number(sequenceId - base),
    blobsWritten: written.blobs,
    bytesWritten: written.bytes,
  });

  let chunkStart = performance.now();
  const { state, base } = await replay({
    log,
    blobs,
    logType,
    to: sequenceId,
    resume,
    prefetched: unusable.size === 0 ? prefetched : undefined,
    unusable,
    heldOnly: true,
    onBase,
    onFallback,
    cache,
    signal,
    checkpoint: {
      isDue: (folded, entries) =>
        entries >= chunkEntries ||
        (snapshots.unwrittenBytes?.(folded) ?? 0) >= chunkBytes ||
        ((entries & 63) === 0 && performance.now() - chunkStart >= chunkMs),
      async take(position, folded, baseId) {
        const blobId = await snapshots.write(counted, position, folded, format);
        await onProgress?.(progress(position, blobId, baseId));
        // Going on from what was written keeps memory bounded, and proves that the next attempt can do the same.
        const reread = await snapshots.read(blobs, blobId, format);
        if (reread === undefined) {
          throw new TidemarkError(
            'snapshot_not_readable',
            `Log type '${logType.type}' wrote snapshot '${blobId}' and does not read it: its snapshots' read and write disagree.`,
          );
        }
        chunkStart = performance.now();
        return reread;
      },
    },
  });

  signal?.throwIfAborted();
  const isThereAlready = base.sequenceId === sequenceId && base.blobId !== undefined;
  const blobId = isThereAlready && base.blobId !== undefined ? base.blobId : await snapshots.write(counted, sequenceId, state, format);
  onFinish?.(progress(sequenceId, blobId, base.sequenceId));
  return blobId;
}
