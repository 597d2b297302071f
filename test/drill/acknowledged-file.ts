/**
 * What the appenders were told, outside the database: one JSON line an append, on disk before the append counts.
 * Appends that come together share one fsync.
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

export interface AcknowledgedFile {
  /** Done when the record is on disk. */
  add(record: AppendRecord): Promise<void>;
  close(): Promise<void>;
}

export async function createAcknowledgedFile(path: string): Promise<AcknowledgedFile> {
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
