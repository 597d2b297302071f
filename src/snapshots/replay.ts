/**
 * Folds a log from its newest usable snapshot up to a sequence id: the one loop under takeSnapshot, readState and openSheet.
 *
 * Memory holds two pages of entries and the state; a checkpoint may put the state into blobs on the way. The event loop turns at least every
 * 200 ms as long as no single entry takes longer. Truncated past its position, it starts again from the newest snapshot, which a truncation
 * always leaves. Errors of the log and the blob store pass unchanged; a fold that throws is 'fold_failed' and names the sequence id.
 */
import { errorMessage, SequenceRangeError, TidemarkError } from '../errors.ts';
import type { LogEntry, SequenceId } from '../event-log/event-log.ts';
import type { LogType } from '../event-log/log-type.ts';
import { createBreather } from './breather.ts';
import { type FindBaseOptions, type FoldBase, findBase } from './find-base.ts';
import { readEntries } from './read-entries.ts';

export interface Checkpoint<StateT> {
  isDue(state: StateT, entriesSince: number): boolean;
  /** @returns the state to go on with */
  take(position: SequenceId, state: StateT, base: SequenceId): Promise<StateT>;
}

export interface ReplayOptions<EntryT extends LogEntry, StateT> extends FindBaseOptions<EntryT, StateT> {
  /** Go on from here instead of from a snapshot. The state is taken over: `apply` may change it. */
  from?: FoldBase<EntryT, StateT> | undefined;
  checkpoint?: Checkpoint<StateT> | undefined;
  /** What the fold goes on from, each time it begins. */
  onBase?: ((base: FoldBase<EntryT, StateT>) => void) | undefined;
}

export interface ReplayValue<EntryT, StateT> {
  state: StateT;
  /** The state is that of all entries strictly before this one. */
  sequenceId: SequenceId;
  base: FoldBase<EntryT, StateT>;
}

export async function replay<EntryT extends LogEntry, StateT>(
  options: ReplayOptions<EntryT, StateT>,
): Promise<ReplayValue<EntryT, StateT>> {
  let { from, resume, prefetched } = options;
  for (;;) {
    const base = from ?? (await findBase({ ...options, resume, prefetched }));
    options.onBase?.(base);
    const cursor = { position: base.sequenceId };
    try {
      const state = await foldFrom(base, cursor, options);
      return { state, sequenceId: cursor.position, base };
    } catch (error) {
      const isTruncatedUnderneath = error instanceof SequenceRangeError && error.startSequenceId > cursor.position;
      if (!isTruncatedUnderneath) {
        throw error;
      }
      from = resume = prefetched = undefined;
    }
  }
}

async function foldFrom<EntryT extends LogEntry, StateT>(
  base: FoldBase<EntryT, StateT>,
  cursor: { position: SequenceId },
  { log, logType, to, checkpoint, signal }: ReplayOptions<EntryT, StateT>,
): Promise<StateT> {
  const breather = createBreather(signal);
  let { state } = base;
  let since = 0;
  for await (const page of readEntries(log, base.sequenceId, to, base.page, signal)) {
    for (const entry of page.entries) {
      state = applyEntry(logType, state, entry, cursor.position);
      cursor.position += 1n;
      since += 1;
      const isChunkDone = checkpoint !== undefined && cursor.position !== to && checkpoint.isDue(state, since);
      if ((isChunkDone || (since & 7) === 0) && breather.isDue()) {
        await breather.breathe();
      }
      if (isChunkDone) {
        state = await checkpoint.take(cursor.position, state, base.sequenceId);
        since = 0;
      }
    }
  }
  return state;
}

/** @throws TidemarkError 'fold_failed' */
export function applyEntry<EntryT extends LogEntry, StateT>(
  logType: LogType<EntryT, StateT>,
  state: StateT,
  entry: EntryT,
  sequenceId: SequenceId,
): StateT {
  let next: StateT;
  try {
    next = logType.apply(state, entry, sequenceId);
  } catch (cause) {
    throw foldFailed(logType.type, sequenceId, errorMessage(cause), cause);
  }
  if (next === undefined) {
    throw foldFailed(logType.type, sequenceId, 'apply returned undefined instead of the state');
  }
  return next;
}

function foldFailed(type: string, sequenceId: SequenceId, reason: string, cause?: unknown): TidemarkError {
  return new TidemarkError('fold_failed', `Log type '${type}' cannot apply entry ${sequenceId}: ${reason}`, { cause });
}
