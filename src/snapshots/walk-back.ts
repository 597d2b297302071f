/** Snapshots of a log from newer to older, found through the entries that carry them. For the rare case that the newest one is no use. */
import { SequenceRangeError } from '../errors.ts';
import type { EventLog, LogEntry, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { historyOf } from '../history/with-history.ts';

/** Snapshots come every few hundred entries: the first step nearly always holds one. */
const FIRST_STEP = 1_000n;
const LARGEST_STEP = 16_000n;

/**
 * Yields the snapshots on entries at or before `from`, newest first, reading only as far back as it is asked to go. A history lists its own; with
 * `heldOnly` not where its entries can be folded instead.
 * @returns the first sequence id that can be read
 */
export async function* walkBackSnapshots<T extends LogEntry>(
  log: EventLog<T>,
  from: SequenceId,
  { heldOnly = false }: { heldOnly?: boolean | undefined } = {},
): AsyncGenerator<SnapshotValue, SequenceId, undefined> {
  const history = historyOf(log);
  if (history === undefined) {
    return yield* walkBackEntries(log, from);
  }
  const first = yield* walkBackEntries(history.held, from);
  if (first === 0n) {
    return first;
  }
  const archived = history.archivedSnapshots(from < first ? from : first - 1n);
  if (!heldOnly) {
    return yield* archived;
  }
  const passed: SnapshotValue[] = [];
  for (;;) {
    const step = await archived.next();
    if (step.done) {
      // Behind a history that begins later than its log they are all there is.
      if (step.value > 0n) {
        yield* passed;
      }
      return step.value;
    }
    passed.push(step.value);
  }
}

async function* walkBackEntries<T extends LogEntry>(
  log: EventLog<T>,
  from: SequenceId,
): AsyncGenerator<SnapshotValue, SequenceId, undefined> {
  let first = 0n;
  let end = from + 1n;
  let step = FIRST_STEP;
  while (end > first) {
    const start = end - step > first ? end - step : first;
    let found: SnapshotValue[];
    try {
      found = await snapshotsBetween(log, start, end);
    } catch (error) {
      if (error instanceof SequenceRangeError && error.startSequenceId > start) {
        first = error.startSequenceId;
        continue;
      }
      throw error;
    }
    yield* found.reverse();
    end = start;
    step = step * 2n < LARGEST_STEP ? step * 2n : LARGEST_STEP;
  }
  return first;
}

async function snapshotsBetween<T extends LogEntry>(log: EventLog<T>, start: SequenceId, end: SequenceId): Promise<SnapshotValue[]> {
  const found: SnapshotValue[] = [];
  for (let position = start; position < end; ) {
    const { entries } = await log.query(position, end);
    if (entries.length === 0) {
      break;
    }
    entries.forEach((entry, index) => {
      if (entry.snapshot !== undefined) {
        found.push({ sequenceId: position + BigInt(index), blobId: entry.snapshot });
      }
    });
    position += BigInt(entries.length);
  }
  return found;
}
