/**
 * The root of a history, which an entry N names in its `history`: every entry before N, from `start` on, can be read from here.
 * `history-<N>-<sha-256>.gz`, gzip over
 *
 * { format, formatVersion, start, end, previous: [name, end] | null, segments: [[start, end, bytes, name], …],
 *   snapshots: [[sequenceId, blobId, committedAt], …] }
 *
 * A root lists up to 256 segments and the snapshots of their entries; what is older is listed by the root before it, `previous`. So a root
 * stays small, and a walk over a hundred million entries reads some forty of them. Parts that do not join are a CorruptBlobError.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { CorruptBlobError } from '../errors.ts';
import type { BlobId, HistoryValue, SequenceId } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { nameContent, parseContent, readContent, writeContent } from '../snapshots/content-blob.ts';
import type { SegmentRef } from './segment.ts';

const FORMAT = 'tidemark-history';
const FORMAT_VERSION = 1;

export interface ArchivedSnapshot {
  readonly sequenceId: SequenceId;
  readonly blobId: BlobId;
  /** Of its entry, as ISO 8601; absent where the log did not know. */
  readonly committedAt?: string | undefined;
}

/** Shared between readers, never changed. */
export interface HistoryRoot {
  /** First entry of the whole history, that of the roots before this one included. */
  readonly start: SequenceId;
  /** Exclusive: the entry that names this root. */
  readonly end: SequenceId;
  readonly previous?: { readonly name: string; readonly end: SequenceId } | undefined;
  /** Oldest first, joining each other, at least one. */
  readonly segments: readonly SegmentRef[];
  /** Oldest first. Their blobs may be gone: how long they are kept is decided elsewhere. */
  readonly snapshots: readonly ArchivedSnapshot[];
}

export async function writeHistoryRoot(blobs: BlobDir, root: HistoryRoot): Promise<BlobId> {
  const { start, end, previous, segments, snapshots } = root;
  const blob = await nameContent(
    `history-${end}`,
    JSON.stringify({
      format: FORMAT,
      formatVersion: FORMAT_VERSION,
      start: String(start),
      end: String(end),
      previous: previous ? [previous.name, String(previous.end)] : null,
      segments: segments.map((segment) => [String(segment.start), String(segment.end), segment.bytes, segment.name]),
      snapshots: snapshots.map(({ sequenceId, blobId, committedAt }) => [String(sequenceId), blobId, committedAt ?? null]),
    }),
  );
  await writeContent(blobs, blob);
  return blob.name;
}

/** @throws CorruptBlobError, also for a blob that is no root of a history; BlobNotFoundError */
export async function readHistoryRoot(blobs: BlobDir, name: BlobId, cache?: SnapshotCache): Promise<HistoryRoot> {
  const cached = cache?.get(name);
  if (cached !== undefined) {
    return cached as HistoryRoot;
  }
  const text = await readContent(blobs, name);
  const root = decodeRoot(name, parseContent(name, text, FORMAT, FORMAT_VERSION));
  cache?.set(name, root, 2 * text.length);
  return root;
}

/** The root that an entry names. @throws CorruptBlobError also where it does not end at that entry */
export async function readRootOf(blobs: BlobDir, { sequenceId, blobId }: HistoryValue, cache?: SnapshotCache): Promise<HistoryRoot> {
  const root = await readHistoryRoot(blobs, blobId, cache);
  if (root.end !== sequenceId) {
    throw new CorruptBlobError(blobId, `it ends at ${root.end} and is the history of entry ${sequenceId}`);
  }
  return root;
}

function decodeRoot(name: string, content: Record<string, unknown>): HistoryRoot {
  let root: HistoryRoot;
  try {
    const { start, end, previous, segments, snapshots } = content as unknown as EncodedRoot;
    root = {
      start: BigInt(start),
      end: BigInt(end),
      ...(previous === null ? {} : { previous: { name: previous[0], end: BigInt(previous[1]) } }),
      segments: segments.map(([first, last, bytes, segment]) => ({ start: BigInt(first), end: BigInt(last), bytes, name: segment })),
      snapshots: snapshots.map(([sequenceId, blobId, committedAt]) => ({
        sequenceId: BigInt(sequenceId),
        blobId,
        ...(committedAt === null ? {} : { committedAt }),
      })),
    };
  } catch (cause) {
    throw new CorruptBlobError(name, 'its lists are not whole', { cause });
  }
  checkJoined(name, root);
  return root;
}

interface EncodedRoot {
  start: string;
  end: string;
  previous: [name: string, end: string] | null;
  segments: [start: string, end: string, bytes: number, name: string][];
  snapshots: [sequenceId: string, blobId: string, committedAt: string | null][];
}

function checkJoined(name: string, { start, end, previous, segments }: HistoryRoot): void {
  let position = previous?.end ?? start;
  for (const segment of segments) {
    if (segment.start !== position || segment.end <= segment.start) {
      throw new CorruptBlobError(name, `its segments do not join: one begins at ${segment.start}, the one before it ends at ${position}`);
    }
    position = segment.end;
  }
  if (segments.length === 0 || position !== end || start > position) {
    throw new CorruptBlobError(name, `its segments end at ${position}, it says ${end}`);
  }
}
