/**
 * What appenders and publishers were told, outside the database: one JSON line each time, on disk before it counts.
 * What comes together shares one fsync.
 */
import { type FileHandle, open } from 'node:fs/promises';

export interface AppendRecord {
  /** acknowledged: the database said so. found: its answer was lost, and a look showed the append there. */
  outcome: 'acknowledged' | 'found';
  /** The append's own name, kept with its entries as their correlation id. */
  append: string;
  log: string;
  /** Sequence id of its first entry. */
  first: string;
  entries: readonly object[];
}

export interface LineFile<RecordT> {
  /** Done when the record is on disk. */
  add(record: RecordT): Promise<void>;
  close(): Promise<void>;
}

export type AcknowledgedFile = LineFile<AppendRecord>;

export async function createAcknowledgedFile<RecordT extends object = AppendRecord>(path: string): Promise<LineFile<RecordT>> {
  const file: FileHandle = await open(path, 'ax');
  let lines: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  const write = async () => {
    next = undefined;
    const batch = lines;
    lines = [];
    await file.appendFile(batch.join(''));
    await file.sync();
  };

  return {
    add(record) {
      lines.push(`${JSON.stringify(record)}\n`);
      if (!next) {
        next = writing.then(write);
        writing = next;
      }
      return next;
    },
    async close() {
      await writing;
      await file.close();
    },
  };
}
