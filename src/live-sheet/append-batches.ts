/**
 * How many of the edits that wait go into one append.
 *
 * A batch stays well below what a server, or a proxy before it with its usual limit of 1 MiB, takes as one body. One that was too much all the same
 * is halved: by its bytes where it was too large or no answer came, which holds until the queue is empty; by its edits where one of them is
 * refused and which one is not known, which ends with the edits that are confirmed.
 */
import type { Edit } from './edit-queue.ts';

const MOST_EDITS = 500;
const MOST_BYTES = 1_000_000;
/** An unanswered append of less is not sent in smaller parts: at a few KB a second it is not the size that keeps the answer away. */
const SMALL_BYTES = 32 * 1024;

export interface AppendBatches {
  /** The first edits of the queue: one at least. */
  next(edits: readonly Edit[]): readonly Edit[];
  tooLarge(batch: readonly Edit[]): void;
  unanswered(batch: readonly Edit[]): void;
  /** One of them, and which is not known. */
  refused(batch: readonly Edit[]): void;
  confirmed(): void;
  /** Nothing waits any more. */
  reset(): void;
}

export function createAppendBatches(): AppendBatches {
  let mostEdits = MOST_EDITS;
  let mostBytes = MOST_BYTES;

  return {
    next(edits) {
      let bytes = 0;
      const end = edits.findIndex((edit, index) => {
        bytes += edit.bytes;
        return index > 0 && (index >= mostEdits || bytes > mostBytes);
      });
      return edits.slice(0, end < 0 ? edits.length : end);
    },
    tooLarge(batch) {
      mostBytes = Math.floor(bytesOf(batch) / 2);
    },
    unanswered(batch) {
      const bytes = bytesOf(batch);
      if (bytes > SMALL_BYTES) {
        mostBytes = Math.max(SMALL_BYTES, Math.floor(bytes / 2));
      }
    },
    refused(batch) {
      mostEdits = Math.max(1, Math.floor(batch.length / 2));
    },
    confirmed() {
      mostEdits = Math.min(MOST_EDITS, 2 * mostEdits);
    },
    reset() {
      mostEdits = MOST_EDITS;
      mostBytes = MOST_BYTES;
    },
  };
}

/** Of the JSON of its entries. */
export function bytesOf(batch: readonly Edit[]): number {
  return batch.reduce((sum, { bytes }) => sum + bytes, 0);
}
