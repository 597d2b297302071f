/**
 * Where the first entries of a log are gone, its oldest snapshot stands for them: nothing between it and the next one can be folded without. It is
 * the one snapshot of before an erasure that stays, without the values.
 */
import { HistoryGoneError, SequenceRangeError } from '../errors.ts';
import type { LogEntry, SnapshotValue } from '../event-log/event-log.ts';
import { isUnusableBlob } from '../snapshots/find-base.ts';
import { walkBackSnapshots } from '../snapshots/walk-back.ts';
import { type EraseSnapshotOptions, takeErasedSnapshot } from './erase-snapshot.ts';

/** @returns the oldest one before `sequenceId` that can be read; undefined where there is none, or every entry can be read */
export async function takeErasedBase<EntryT extends LogEntry, StateT>(
  options: EraseSnapshotOptions<EntryT, StateT>,
): Promise<SnapshotValue | undefined> {
  if ((await options.log.query('start', 0n)).startSequenceId === 0n) {
    return undefined;
  }
  const newestFirst: SnapshotValue[] = [];
  for await (const snapshot of walkBackSnapshots(options.log, options.sequenceId - 1n)) {
    newestFirst.push(snapshot);
  }
  for (const { sequenceId } of newestFirst.reverse()) {
    try {
      return { sequenceId, blobId: await takeErasedSnapshot({ ...options, sequenceId }) };
    } catch (error) {
      // Its blob is gone, or it is of another version and what it was made from is gone, or somebody truncates: then it stands for nothing.
      if (!isUnusableBlob(error) && !(error instanceof HistoryGoneError) && !(error instanceof SequenceRangeError)) {
        throw error;
      }
    }
  }
  return undefined;
}
