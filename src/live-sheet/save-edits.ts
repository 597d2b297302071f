/**
 * Sends the edits that wait, in their order, several in one append, one append at a time, until none is left.
 *
 * An append names the sequence id it is for. Refused because others were faster, the sheet takes in what they wrote and sends again, without a
 * limit on attempts while the log moves. Unanswered, it may have taken effect or not: the error goes to the caller, who takes in what is there
 * before anything is sent again, so that nothing is written twice.
 */
import { ConflictError, type TidemarkError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { AppendBatches } from './append-batches.ts';
import { backoffMs } from './backoff.ts';
import type { Edit, EditQueue } from './edit-queue.ts';
import type { SheetPosition } from './sheet-position.ts';
import type { SheetStore } from './store.ts';

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 250;

export interface SaveEditsOptions {
  append: (batch: readonly Edit[], sequenceId: SequenceId) => Promise<unknown>;
  /** Kept from one call to the next: what was too much before is so again. */
  batches: AppendBatches;
  store: SheetStore;
  queue: EditQueue;
  position: SheetPosition;
  wait: (ms: number) => Promise<void>;
  signal: AbortSignal;
}

/** @throws what the log throws, but for refusals */
export async function saveEdits({ append, batches, store, queue, position, wait, signal }: SaveEditsOptions): Promise<void> {
  let conflicts = 0;
  while (queue.edits.length > 0) {
    signal.throwIfAborted();
    const batch = batches.next(queue.edits);
    position.sending(batch.length);
    try {
      await append(batch, store.state.sequenceId);
    } catch (error) {
      if (error instanceof ConflictError) {
        await position.takeIn();
        conflicts += 1;
        // The first try again is at once: mostly others have written once, not without end.
        await wait(conflicts === 1 ? 0 : backoffMs(conflicts - 1, FIRST_WAIT_MS, LONGEST_WAIT_MS));
        continue;
      }
      if (!isRefusal(error)) {
        position.unanswered();
        batches.unanswered(batch);
        throw error;
      }
      if (batch.length === 1) {
        position.refused(error);
      } else if (error.code === 'too_large') {
        batches.tooLarge(batch);
      } else {
        batches.refused(batch);
      }
      continue;
    }
    position.confirmed(batch.length);
    batches.confirmed();
    conflicts = 0;
  }
  batches.reset();
}

/** What says no to an edit, now and whenever it is sent again. Somebody who is not signed in (any more) may be so in a moment. */
const REFUSALS: ReadonlySet<unknown> = new Set(['invalid_input', 'forbidden', 'read_only', 'too_large']);

function isRefusal(error: unknown): error is TidemarkError {
  return REFUSALS.has((error as Partial<TidemarkError> | undefined)?.code);
}
