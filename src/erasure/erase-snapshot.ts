/**
 * The state before an entry without some values, in a snapshot of its own: from the newest snapshot that can be read, with the values taken out,
 * and the entries since, with theirs. Tiles that have none of them are neither read nor written.
 */
import type { BlobId, LogEntry } from '../event-log/event-log.ts';
import type { Eraser, LogType } from '../event-log/log-type.ts';
import { type TakeSnapshotOptions, takeSnapshot } from '../snapshots/take-snapshot.ts';

export interface EraseSnapshotOptions<EntryT extends LogEntry, StateT> extends TakeSnapshotOptions<EntryT, StateT> {
  eraser: Eraser<StateT>;
}

/** @returns to be set as `snapshot` of entry `sequenceId`. @throws as takeSnapshot */
export async function takeErasedSnapshot<EntryT extends LogEntry, StateT>({
  eraser,
  ...options
}: EraseSnapshotOptions<EntryT, StateT>): Promise<BlobId> {
  const { blobs, sequenceId, cache, signal } = options;
  const logType = withoutValues(options.logType, eraser);
  const format = { typeVersion: logType.version, cache, signal };
  const taken = await takeSnapshot({ ...options, logType });
  // The entry may have had a snapshot, which then is what was taken.
  const state = await logType.snapshots.read(blobs, taken, format);
  return state === undefined ? taken : logType.snapshots.write(blobs, sequenceId, state, format);
}

function withoutValues<EntryT extends LogEntry, StateT>(logType: LogType<EntryT, StateT>, eraser: Eraser<StateT>): LogType<EntryT, StateT> {
  const { snapshots } = logType;
  return {
    ...logType,
    apply(state, entry, sequenceId) {
      const erased = eraser.eraseEntry(entry);
      return logType.apply(state, erased ? ({ ...erased, type: entry.type } as unknown as EntryT) : entry, sequenceId);
    },
    snapshots: {
      write: (...args) => snapshots.write(...args),
      async read(blobs, blobId, options) {
        const state = await snapshots.read(blobs, blobId, options);
        return state && eraser.eraseState(state, { blobs, cache: options.cache, signal: options.signal });
      },
      unwrittenBytes: (state) => snapshots.unwrittenBytes?.(state) ?? 0,
    },
  };
}
