/**
 * One log for all who follow it on this server: one query for what is new, encoded once, the same bytes written to every reader.
 *
 * What has been handed out is [.., next). A reader that begins earlier catches up by itself, at its own pace, up to `next`, and joins in the
 * same turn; from then on it gets what everybody gets. Entries of a log commit in the order of their ids, so nothing appears behind `next`.
 * While Postgres is away nothing is handed out, and whoever looks next goes on.
 */
import { SequenceRangeError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { createEntryTextQuery } from '../event-log/query-text.ts';
import { readLog } from '../event-log/read-log.ts';
import type { Database } from '../postgres/queryable.ts';
import { entriesEvent, markedEvent, metadataEvent, truncatedEvent } from './event-text.ts';
import { fieldsOf, type LogState, type MarkedEntries, readMarkedEntries } from './marked-entries.ts';
import type { StreamReader } from './stream-reader.ts';

export interface LogHub {
  /** Entries whose work is not done have been handed out. */
  readonly hasPending: boolean;
  readonly isEmpty: boolean;
  /** Takes in what is new. Calls while it looks are one more look. @throws LogNotFoundError, or what Postgres throws */
  look(): Promise<void>;
  /** Compares with what the log is; looks where it differs. Never throws: the next one sees the same. */
  compare(state: LogState): void;
  /** Where a reader begins. @param from undefined: at the end of the log. @throws SequenceRangeError where the log has not reached it */
  begin(from: SequenceId | undefined): Promise<SequenceId>;
  /** Gives the reader everything from `position` on, until it ends. Resolves when it has caught up. */
  serve(reader: StreamReader, position: SequenceId): Promise<void>;
  leave(reader: StreamReader): void;
}

/** Of one event. */
const PAGE_SIZE = 1_000;
const PAGE_BYTES = 1_048_576;

export function createLogHub(db: Database, logId: string): LogHub {
  const query = createEntryTextQuery({ logId, pageSize: PAGE_SIZE, withProvenance: true, maxBytes: PAGE_BYTES });
  const readers = new Set<StreamReader>();
  let next: SequenceId | undefined;
  let marked: MarkedEntries = { marks: new Map(), isComplete: true };
  let digest: string | undefined;
  let wantsMarks = true;
  let isWanted = false;
  let looking: Promise<void> | undefined;
  /** For readers that join one after the other. */
  let opening: { position: SequenceId; bytes: Buffer } | undefined;

  function broadcast(bytes: Buffer): void {
    opening = undefined;
    for (const reader of readers) {
      reader.write(bytes);
    }
  }

  async function takeInEntries(): Promise<void> {
    next ??= (await readLog(db, logId)).nextSequenceId;
    for (let isComplete = false; !isComplete; ) {
      try {
        const page = await query(db, { start: next, end: 'end' });
        for (const [index, metadata] of page.metadata) {
          marked.marks.set(next + BigInt(index), fieldsOf(metadata));
        }
        next = page.endSequenceId;
        isComplete = page.isComplete;
        if (page.entries.length > 0) {
          broadcast(entriesEvent(page));
        }
      } catch (error) {
        if (!(error instanceof SequenceRangeError) || next > error.startSequenceId) {
          throw error;
        }
        next = error.startSequenceId;
        broadcast(truncatedEvent(next));
      }
    }
  }

  async function takeInMarks(position: SequenceId): Promise<void> {
    const { marks: before } = marked;
    const now = await readMarkedEntries(db, logId, position);
    const [oldest = 0n] = now.isComplete ? [0n] : now.marks.keys();
    marked = now;
    opening = undefined;
    for (const [id, fields] of now.marks) {
      if (before.get(id) !== fields) {
        broadcast(metadataEvent(position, id, fields));
      }
    }
    for (const id of before.keys()) {
      if (id >= oldest && !now.marks.has(id)) {
        broadcast(metadataEvent(position, id, ''));
      }
    }
  }

  async function lookUntilNothingIsWanted(): Promise<void> {
    while (isWanted) {
      isWanted = false;
      await takeInEntries();
      if (wantsMarks) {
        wantsMarks = false;
        await takeInMarks(next as SequenceId).catch((error) => {
          wantsMarks = true;
          throw error;
        });
      }
    }
  }

  function look(): Promise<void> {
    isWanted = true;
    looking ??= lookUntilNothingIsWanted().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    look,
    get hasPending() {
      return [...marked.marks.values()].some((fields) => fields.includes('"pending":'));
    },
    get isEmpty() {
      return readers.size === 0;
    },
    compare(state) {
      if (state.digest !== digest) {
        digest = state.digest;
        wantsMarks = true;
      }
      if (state.next !== next || wantsMarks) {
        look().catch(() => {});
      }
    },
    async begin(from) {
      wantsMarks = true;
      await look();
      const end = next as SequenceId;
      if (from !== undefined && from > end) {
        throw new SequenceRangeError(from, (await readLog(db, logId)).firstSequenceId, end);
      }
      return from ?? end;
    },
    async serve(reader, begin) {
      let position = begin;
      while (position < (next as SequenceId)) {
        try {
          const page = await query(db, { start: position, end: next as SequenceId });
          position = page.endSequenceId;
          await reader.writeInTurn(entriesEvent(page));
        } catch (error) {
          if (!(error instanceof SequenceRangeError) || position >= error.startSequenceId) {
            throw error;
          }
          position = error.startSequenceId;
          await reader.writeInTurn(truncatedEvent(position));
        }
        if (reader.isOver) {
          return;
        }
      }
      // In the turn in which it has caught up.
      if (opening?.position !== position) {
        opening = { position, bytes: markedEvent(position, marked) };
      }
      reader.write(opening.bytes);
      readers.add(reader);
    },
    leave: (reader) => void readers.delete(reader),
  };
}
