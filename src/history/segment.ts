/**
 * A segment: consecutive archived entries in one immutable blob, `segment-<first sequence id>-<sha-256>.gz`, gzip over
 *
 * { format, formatVersion, start, end, previous, entries: [[type, data, committedAt, actor, correlationId, causationId, snapshot, history], …] }
 *
 * start and end (exclusive) are decimal strings, previous is the name of the segment before it or null, data is the text of the entry's own
 * JSON; nulls at the end of a row are left out. `pending` is not kept: nothing is pending on an archived entry.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { CorruptBlobError } from '../errors.ts';
import { decodeEntry, metadataIn } from '../event-log/entry-data.ts';
import type { LogEntry, SequenceId } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { nameContent, parseContent, readContent, writeContent } from '../snapshots/content-blob.ts';
import type { StoredEntry } from './stored-entry.ts';

const FORMAT = 'tidemark-history-segment';
const FORMAT_VERSION = 1;

/** Where a segment is, as a root lists it. */
export interface SegmentRef {
  readonly start: SequenceId;
  /** Exclusive. */
  readonly end: SequenceId;
  readonly name: string;
  /** UTF-8, not compressed. */
  readonly bytes: number;
}

type Row = (string | null)[];

/** As it is in its blob; shared between readers, never changed. */
export interface Segment {
  readonly start: SequenceId;
  readonly rows: readonly Row[];
}

export async function writeSegment(
  blobs: BlobDir,
  start: SequenceId,
  entries: readonly StoredEntry[],
  previous: string | undefined,
): Promise<SegmentRef> {
  const end = start + BigInt(entries.length);
  const blob = await nameContent(
    `segment-${start}`,
    JSON.stringify({
      format: FORMAT,
      formatVersion: FORMAT_VERSION,
      start: String(start),
      end: String(end),
      previous: previous ?? null,
      entries: entries.map(rowOf),
    }),
  );
  await writeContent(blobs, blob);
  return { start, end, name: blob.name, bytes: blob.content.byteLength };
}

function rowOf({ type, data, committedAt, actor, correlationId, causationId, snapshot, history }: StoredEntry): Row {
  const row = [type, data, ...[committedAt, actor, correlationId, causationId, snapshot, history].map((field) => field ?? null)];
  while (row.at(-1) === null) {
    row.pop();
  }
  return row;
}

/** As they were given to `writeSegment`. */
export function storedEntriesIn({ rows }: Segment): StoredEntry[] {
  return rows.map(([type, data, ...rest]) => {
    const [committedAt, actor, correlationId, causationId, snapshot, history] = rest.map((field) => field ?? undefined);
    return { type: type as string, data: data as string, committedAt, actor, correlationId, causationId, snapshot, history };
  });
}

/** @throws CorruptBlobError, also for a segment that is not the one that its root means; BlobNotFoundError */
export async function readSegment(blobs: BlobDir, { name, start, end }: SegmentRef, cache?: SnapshotCache): Promise<Segment> {
  let segment = cache?.get(name) as Segment | undefined;
  if (segment === undefined) {
    const text = await readContent(blobs, name);
    segment = decodeSegment(name, text);
    cache?.set(name, segment, 2 * text.length);
  }
  if (segment.start !== start || segment.start + BigInt(segment.rows.length) !== end) {
    throw new CorruptBlobError(name, `it does not hold the entries from ${start} to before ${end} that its history lists`);
  }
  return segment;
}

function decodeSegment(name: string, text: string): Segment {
  const { start, end, entries } = parseContent(name, text, FORMAT, FORMAT_VERSION);
  if (
    typeof start !== 'string' ||
    !/^\d{1,19}$/.test(start) ||
    !Array.isArray(entries) ||
    String(end) !== String(BigInt(start) + BigInt(entries.length))
  ) {
    throw new CorruptBlobError(name, 'it does not hold the entries that it says');
  }
  return { start: BigInt(start), rows: entries };
}

/** Entries from `from` to before `to`, both inside the segment: the caller's own. */
export function entriesIn<T extends LogEntry>({ start, rows }: Segment, from: SequenceId, to: SequenceId): T[] {
  return rows.slice(Number(from - start), Number(to - start)).map((row, index) => {
    const [type, data, , , , , snapshot, history] = row;
    const metadata = metadataIn({ snapshot: snapshot ?? undefined, history: history ?? undefined });
    return decodeEntry<T>(from, index, type as string, JSON.parse(data as string), metadata);
  });
}
