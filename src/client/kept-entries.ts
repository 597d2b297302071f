/**
 * Consecutive entries of a log, the newest ones: so many, and so much of their JSON. They are kept as text, so that whoever reads them gets entries
 * of their own, and only those that are read cost anything.
 */
import type { LogEntry, LogMetadata, SequenceId } from '../event-log/event-log.ts';

export interface KeptEntries<T extends LogEntry> {
  readonly start: SequenceId;
  /** Of the entry that would follow. */
  readonly end: SequenceId;
  /** None of those before is kept. */
  startAt(sequenceId: SequenceId): void;
  /** What is over the limits goes, the oldest first, and then half: not at each entry. */
  push(entry: T): void;
  /** In place of what it has. Of one that is not kept: nothing happens. */
  setMetadata(sequenceId: SequenceId, metadata: LogMetadata): void;
  /** @param start not before `start` @param end exclusive, not after `end` */
  read(start: SequenceId, end: SequenceId): T[];
}

export interface KeptLimits {
  entries: number;
  /** Of JSON, without metadata: one or two bytes each. */
  characters: number;
}

interface Kept {
  text: string;
  metadata: LogMetadata;
}

export function createKeptEntries<T extends LogEntry>(first: SequenceId, limits: KeptLimits): KeptEntries<T> {
  let start = first;
  let kept: Kept[] = [];
  let characters = 0;

  function drop(): void {
    let gone = 0;
    while (kept.length - gone > limits.entries / 2 || characters > limits.characters / 2) {
      characters -= kept[gone]?.text.length ?? 0;
      gone += 1;
    }
    kept = kept.slice(gone);
    start += BigInt(gone);
  }

  return {
    get start() {
      return start;
    },
    get end() {
      return start + BigInt(kept.length);
    },
    startAt(sequenceId) {
      start = sequenceId;
      kept = [];
      characters = 0;
    },
    push({ snapshot, history, pending, ...own }) {
      const text = JSON.stringify(own);
      kept.push({ text, metadata: present({ snapshot, history, pending }) });
      characters += text.length;
      if (kept.length > limits.entries || characters > limits.characters) {
        drop();
      }
    },
    setMetadata(sequenceId, metadata) {
      const entry = sequenceId < start ? undefined : kept[Number(sequenceId - start)];
      if (entry) {
        entry.metadata = present(metadata);
      }
    },
    read: (from, to) =>
      kept.slice(Number(from - start), Number(to - start)).map(({ text, metadata }) => ({ ...JSON.parse(text), ...metadata }) as T),
  };
}

function present({ snapshot, history, pending }: { [Field in keyof LogMetadata]: LogMetadata[Field] | undefined }): LogMetadata {
  return { ...(snapshot && { snapshot }), ...(history && { history }), ...(pending && { pending }) };
}
