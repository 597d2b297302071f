/**
 * The newest entries of a log as the page keeps them: what the events of its stream make of them. Entries are kept by their sequence ids, so
 * that one that is sent twice, by a stream that was resumed, is there once.
 */
import type { Entry, LogEvent, Metadata, Provenance } from '../api-types.ts';

export interface TailEntry extends Metadata {
  sequenceId: bigint;
  type: string;
  /** The entry's own fields. */
  data: Readonly<Record<string, unknown>>;
  actor?: string;
  committedAt?: string;
  /** The workflow that it asks for, or asked for. */
  asked?: string;
  /** It came while the page was open. */
  isNew?: boolean;
}

export interface Tail {
  /** In their order. */
  entries: readonly TailEntry[];
  /** The first one that the log holds, as far as is known. */
  start: bigint;
}

/** Entries that stay; older ones can be asked for again. */
const MAX_ENTRIES = 500;

export function addEntries(
  tail: Tail,
  { startSequenceId, entries, provenance = [] }: { startSequenceId: string; entries: readonly Entry[]; provenance?: readonly Provenance[] },
  isNew: boolean,
): Tail {
  const known = new Map(tail.entries.map((entry) => [entry.sequenceId, entry]));
  for (const [index, { type, snapshot, history, pending, ...data }] of entries.entries()) {
    const sequenceId = BigInt(startSequenceId) + BigInt(index);
    const asked = pending ?? known.get(sequenceId)?.asked;
    const { actor, committedAt } = provenance[index] ?? {};
    known.set(sequenceId, {
      sequenceId,
      type,
      data,
      ...(snapshot ? { snapshot } : {}),
      ...(history ? { history } : {}),
      ...(pending ? { pending } : {}),
      ...(asked ? { asked } : {}),
      ...(actor ? { actor } : {}),
      ...(committedAt ? { committedAt } : {}),
      ...(isNew && !known.has(sequenceId) ? { isNew } : {}),
    });
  }
  const sorted = [...known.values()].sort((a, b) => (a.sequenceId < b.sequenceId ? -1 : 1));
  // What a person has asked for is kept whole; what comes by itself pushes out the oldest.
  return { ...tail, entries: isNew ? sorted.slice(-MAX_ENTRIES) : sorted };
}

/** What an event of the log's stream makes of it. */
export function applyEvent(tail: Tail, event: LogEvent): Tail {
  switch (event.event) {
    case 'entries':
      return addEntries(tail, event, true);
    case 'metadata':
      return setMetadata(tail, [event]);
    case 'marked':
      return setMetadata(tail, event.entries, event.isComplete ? '0' : event.entries[0]?.sequenceId);
    case 'truncated':
      return truncateTail(tail, BigInt(event.startSequenceId));
  }
}

/** @param complete from here on, an entry that is not among them has no metadata (any more) */
function setMetadata(tail: Tail, marks: readonly (Metadata & { sequenceId: string })[], complete?: string): Tail {
  const bySequenceId = new Map(marks.map((mark) => [BigInt(mark.sequenceId), mark]));
  return {
    ...tail,
    entries: tail.entries.map((entry) => {
      const mark = bySequenceId.get(entry.sequenceId);
      if (mark === undefined && (complete === undefined || entry.sequenceId < BigInt(complete))) return entry;
      const { snapshot: _snapshot, history: _history, pending: _pending, ...rest } = entry;
      const { snapshot, history, pending }: Metadata = mark ?? {};
      return {
        ...rest,
        ...(snapshot ? { snapshot } : {}),
        ...(history ? { history } : {}),
        ...(pending ? { pending, asked: pending } : {}),
      };
    }),
  };
}

function truncateTail(tail: Tail, start: bigint): Tail {
  return { start, entries: tail.entries.filter(({ sequenceId }) => sequenceId >= start) };
}
